package dispatch

// What other modules ask of sets: lcr has routes that end at the gateways of a carrier.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// Carriers is how the gateways of a set are found by whose they are: the function calls each for
// all that are up, in the order to try them, with their carrier; random is a source of random
// numbers. It is nil if no script generation in force names the set.
func (d *Dispatch) Carriers(set string) func(random func() uint64, each func(carrier string, t *engine.Target)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sets[set]
	if s == nil {
		return nil
	}
	return func(random func() uint64, each func(carrier string, t *engine.Target)) {
		list, err := s.Choose(&gateways.Choice{Random: random})
		if err != nil {
			return // none is up
		}
		for _, t := range list {
			each(t.Gateway.Carrier, t.Target())
		}
	}
}
