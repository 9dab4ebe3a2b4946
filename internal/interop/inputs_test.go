package interop

// What the results depend on, for go test's cache: it knows imports, and the files and variables
// read while tests run, but not what TestMain builds.

import (
	"os"
	"path/filepath"
	"testing"

	_ "github.com/sipscript/sipscript/luabind"
	_ "github.com/sipscript/sipscript/modules/registrar"
	_ "github.com/sipscript/sipscript/ops/admin"
	_ "github.com/sipscript/sipscript/ops/metrics"
	_ "github.com/sipscript/sipscript/ops/watch"
	_ "github.com/sipscript/sipscript/scripts"
)

func TestInputsAreKnownToTheCache(t *testing.T) {
	os.Getenv("SIPSCRIPT_INTEROP_BUILD")
	sources, err := filepath.Glob(filepath.Join("..", "..", "cmd", "sipscript", "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	for _, path := range sources {
		if _, err := os.ReadFile(path); err != nil {
			t.Error(err)
		}
	}
}
