package dialog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Filter says which calls to list.
type Filter struct {
	Key   string `lua:"key" default:"any" doc:"of their limits"`
	From  string `lua:"from" default:"any" doc:"address of the caller: as call.caller"`
	To    string `lua:"to" default:"any" doc:"address of the called: as call.callee"`
	Limit int    `lua:"limit" min:"1" max:"100000" default:"1000" doc:"how many at most"`
}

const usualList = 1000

// List are the calls that a filter leaves, the oldest first.
func (d *Dialogs) List(f Filter) []*Call { return d.list(f, "") }

// list is List for those with a Call-ID alone, if one is given.
func (d *Dialogs) list(f Filter, callID string) []*Call {
	var list []*Call
	d.Each(func(c *Call) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.passesFilter(&f, callID, nil) {
			list = append(list, c)
		}
	})
	return oldest(list, f.Limit)
}

// passesFilter reports whether a filter leaves the call. keys are those of its limits at another
// node; c.mu is held.
func (c *Call) passesFilter(f *Filter, callID string, keys []string) bool {
	return c.t.State != track.Ended &&
		(callID == "" || c.t.CallID == callID) &&
		(f.Key == "" || c.slots.Has(f.Key) || slices.Contains(keys, f.Key)) &&
		(f.From == "" || strings.EqualFold(f.From, aor(uriOf(c.t.From)))) &&
		(f.To == "" || strings.EqualFold(f.To, aor(c.t.Asked)))
}

// oldest are the first calls of a list, by age; 0: as many as usual.
func oldest(list []*Call, limit int) []*Call {
	slices.SortFunc(list, func(a, b *Call) int {
		if n := cmp.Compare(a.t.StartedAt, b.t.StartedAt); n != 0 {
			return n
		}
		return slices.Compare(a.t.ID[:], b.t.ID[:])
	})
	if limit <= 0 {
		limit = usualList
	}
	return slices.Clip(list[:min(len(list), limit)])
}
