package dialog

// Keys of limits that are held for what is no tracked call: for legs of calls of this server's own.

import (
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Holder holds keys of limits, as a call does, until Release.
type Holder struct {
	d     *Dialogs
	id    track.ID
	slots limits.Slots // guarded by d.holders.mu
}

// Hold checks and counts keys in one step, beside those of tracked calls. Keys of other nodes count
// as these have reported them, up to 20 s ago. The error is a *FullError, and nothing is counted
// then.
func (d *Dialogs) Hold(l []Limit) (*Holder, error) {
	for _, r := range d.shared.nodes() {
		for i := range l {
			if n := r.Keys[l[i].Key]; n > 0 && d.limits.Count(l[i].Key)+n >= l[i].Most {
				return nil, &FullError{l[i].Key}
			}
		}
	}
	h := &Holder{d: d, id: d.newID()}
	d.holders.mu.Lock()
	defer d.holders.mu.Unlock()
	if full, ok := d.limits.Take(&h.slots, l, false); !ok {
		return nil, &FullError{full}
	}
	if d.holders.all == nil {
		d.holders.all = map[*Holder]struct{}{}
	}
	d.holders.all[h] = struct{}{}
	return h, nil
}

// Release gives the keys back; again, or of nil, it does nothing.
func (h *Holder) Release() {
	if h == nil {
		return
	}
	d := h.d
	d.holders.mu.Lock()
	defer d.holders.mu.Unlock()
	if _, holds := d.holders.all[h]; !holds {
		return
	}
	delete(d.holders.all, h)
	if d.shared != nil {
		d.shared.gave(h.id, h.slots.Keys())
	}
	d.limits.Give(&h.slots)
}

// heldByOthers are the keys of holders.
func (d *Dialogs) heldByOthers() (list []Slot) {
	d.holders.mu.Lock()
	defer d.holders.mu.Unlock()
	for h := range d.holders.all {
		for _, key := range h.slots.Keys() {
			list = append(list, Slot{key, h.id.String()})
		}
	}
	return list
}
