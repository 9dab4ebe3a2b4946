package registrar

import (
	"context"
	"errors"
	"math"
	"testing"
)

// uncounted is a store that is away.
type uncounted struct{ *Memory }

func (uncounted) Count(context.Context) (int, error) { return 0, errors.New("it is away") }

// How many bindings there are is unknown while the store is away: a number in its place would be
// added to those of other servers.
func TestUnknownBindings(t *testing.T) {
	for name, row := range map[string]struct {
		store Store
		known bool
	}{"there": {NewMemory(), true}, "away": {uncounted{NewMemory()}, false}} {
		t.Run(name, func(t *testing.T) {
			r, err := New(Options{Store: row.store})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, m := range r.Metrics() {
				if v := m.Value(); m.Name == "registrar_bindings" && !math.IsNaN(v) != row.known {
					t.Errorf("%g", v)
				}
			}
		})
	}
}
