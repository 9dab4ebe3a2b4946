package registrar_test

// This file runs the stores' conformance test on the one in memory.

import (
	"testing"

	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) registrar.Store { return registrar.NewMemory() })
}
