package messages_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/sipscript/sipscript/modules/messages"
)

// uncounted is a store that is away.
type uncounted struct{ *messages.Memory }

func (uncounted) Count(context.Context) (int, error) { return 0, errors.New("it is away") }

// How many messages wait is unknown while the store is away; it is not 0.
func TestUnknownPending(t *testing.T) {
	for name, row := range map[string]struct {
		store messages.Store
		known bool
	}{"there": {messages.NewMemory(0), true}, "away": {uncounted{messages.NewMemory(0)}, false}} {
		t.Run(name, func(t *testing.T) {
			for _, m := range messages.New(messages.Options{Store: row.store}).Metrics() {
				if v := m.Value(); m.Name == "messages_pending" && !math.IsNaN(v) != row.known {
					t.Errorf("%g", v)
				}
			}
		})
	}
}
