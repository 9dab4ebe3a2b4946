package acl

// Adding and removing entries while the server runs.

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/modules/trust"
)

// Events of the module.
const (
	EventAdded   = "acl.added"
	EventRemoved = "acl.removed"
)

// Event is an entry that was added or removed.
type Event struct {
	Kind    string // EventAdded or EventRemoved
	List    string // the name of the list
	Address string // the address or network, as it was given
	Note    string // why, as it was given; "" for none
}

// dynamicOf is the added entries of a list, in force or not.
func (a *ACL) dynamicOf(name string) *dynamic {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.dynamics[name]
	if d == nil {
		d = newDynamic()
		a.dynamics[name] = d
	}
	return d
}

// Add adds an entry to a list in force, in place of one with the same address, port and transport.
// It counts when Add returns, until it is removed or Expires; a name is resolved first. The error
// is that of an entry that can't be read, or ErrNoList.
func (a *ACL) Add(name string, e Entry) error {
	l := a.serving.Load().lists[name]
	if l == nil {
		return fmt.Errorf("acl: %q: %w", name, ErrNoList)
	}
	return a.add(l, e)
}

func (a *ACL) add(l *list, e Entry) error {
	i, err := newItem(&e)
	if err != nil {
		return err
	}
	if i.what == isAgent && !l.dropped {
		return errAgent
	}
	a.changes.Lock()
	err = l.dynamic.add(a.now(), i)
	if err == nil {
		a.told(l.name, i, true)
	}
	a.changes.Unlock()
	if err != nil {
		return err
	}
	if i.what == isHost {
		a.names.again()
	}
	a.tell(Event{Kind: EventAdded, List: l.name, Address: i.entry.Address, Note: i.entry.Note})
	return nil
}

// Remove removes an entry that was added. There: it was there. One that comes from the list's
// source stays: an exception ("!192.0.2.7") is stronger.
func (a *ACL) Remove(name string, e Entry) (there bool, err error) {
	l := a.serving.Load().lists[name]
	if l == nil {
		return false, fmt.Errorf("acl: %q: %w", name, ErrNoList)
	}
	return a.remove(l, e)
}

func (a *ACL) remove(l *list, e Entry) (there bool, err error) {
	i, err := newItem(&e)
	if err != nil {
		return false, err
	}
	a.changes.Lock()
	if _, there = l.dynamic.remove(i.key(), a.now()); there {
		a.told(l.name, i, false)
	}
	a.changes.Unlock()
	if !there {
		return false, nil
	}
	if i.what == isHost {
		a.names.again()
	}
	a.tell(Event{Kind: EventRemoved, List: l.name, Address: i.entry.Address})
	return true, nil
}

// Allow makes an address, or all of a network, one that a list does not have: what was added for it
// is removed, and if something else still has it an exception is added, which ends after ttl unless
// that is 0.
func (a *ACL) Allow(name, address string, ttl time.Duration, note string) error {
	l := a.serving.Load().lists[name]
	if l == nil {
		return fmt.Errorf("acl: %q: %w", name, ErrNoList)
	}
	return a.allowIn(l, address, ttl, note)
}

func (a *ACL) allowIn(l *list, address string, ttl time.Duration, note string) error {
	e := Entry{Address: address, Note: note}
	i, err := newItem(&e)
	if err != nil {
		return err
	}
	if _, err := a.remove(l, e); err != nil {
		return err
	}
	if i.what != isNetwork {
		return nil
	}
	q := a.query(&trust.Sender{Addr: netip.AddrPortFrom(i.net.Addr(), 0)})
	if _, still := l.find(&q); !still {
		return nil
	}
	e.Address = "!" + i.address.String()
	if ttl > 0 {
		e.Expires = a.now().Add(ttl)
	}
	return a.add(l, e)
}

func (a *ACL) tell(e Event) {
	a.o.Log.Info("acl: an entry was "+e.Kind[len("acl."):], "list", e.List, "entry", e.Address, "note", e.Note)
	a.script.Emit(e)
}

// items are the entries of a list that hold now, what was added first.
func (a *ACL) items(l *list, each func(i *item, added bool) bool) {
	now := a.now()
	more := true
	for _, i := range l.dynamic.items(now) {
		if more = each(i, true); !more {
			return
		}
	}
	if l.source != nil {
		l.source.Get().all(now, func(i *item) bool { return each(i, false) })
	}
}
