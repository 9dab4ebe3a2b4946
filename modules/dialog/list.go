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
	type found struct {
		call *Call
		at   int64
	}
	var list []found
	d.Each(func(c *Call) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.t.State == track.Ended,
			callID != "" && c.t.CallID != callID,
			f.Key != "" && !c.slots.Has(f.Key),
			f.From != "" && !strings.EqualFold(f.From, aor(uriOf(c.t.From))),
			f.To != "" && !strings.EqualFold(f.To, aor(c.t.Asked)):
			return
		}
		list = append(list, found{c, c.t.StartedAt})
	})
	slices.SortFunc(list, func(a, b found) int {
		if n := cmp.Compare(a.at, b.at); n != 0 {
			return n
		}
		return slices.Compare(a.call.t.ID[:], b.call.t.ID[:])
	})
	if f.Limit <= 0 {
		f.Limit = usualList
	}
	out := make([]*Call, 0, min(len(list), f.Limit))
	for _, one := range list[:min(len(list), f.Limit)] {
		out = append(out, one.call)
	}
	return out
}
