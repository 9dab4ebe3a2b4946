package registrar

// This file takes bindings from one registrar to another: from one that serves to that of a replay.

import (
	"context"
	"fmt"
	"time"
)

// Entry is a binding with the address-of-record it is of, in canonical form.
type Entry struct {
	AOR string // such as Each has it
	Record
}

// Snapshot are the bindings that have not expired, at most so many; more tells that there are
// others.
func (r *Registrar) Snapshot(most int, now time.Time) (list []Entry, more bool) {
	r.Each(func(aor string, b *Binding) {
		switch {
		case !b.Expires().After(now):
		case len(list) >= most:
			more = true
		default:
			list = append(list, Entry{aor, b.Record()})
		}
	})
	return list, more
}

// Restore adds bindings that last until then. They are not on connections of this process, and give
// way to each REGISTER: it is newer than what a snapshot remembers.
func (r *Registrar) Restore(ctx context.Context, list []Entry, now, until time.Time) error {
	for i := range list {
		rec := list[i].Record
		if rec.Contact == "" || len(rec.Contact)+len(rec.Params) > maxContact || !(rec.Q >= 0 && rec.Q <= 1) {
			return fmt.Errorf("registrar: restore: %s: there is no such binding", list[i].AOR)
		}
		rec.CallID, rec.CSeq, rec.Flow, rec.FlowOnly, rec.Expires = "restored", 0, 0, false, until
		made := NewBinding(&rec)
		var done changes
		err := r.update(ctx, list[i].AOR, now, &done, func(live []*Binding) ([]*Binding, error) {
			next := append(append(make([]*Binding, 0, len(live)+1), live...), made)
			sortBindings(next)
			return next, nil
		})
		if err != nil {
			return fmt.Errorf("registrar: restore: %w", err)
		}
	}
	return nil
}
