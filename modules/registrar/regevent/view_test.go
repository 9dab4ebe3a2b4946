package regevent

// This file tests what is told of one look at the registrations after another.

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

func phone(name string, cseq uint32, left time.Duration) Contact {
	return Contact{URI: "sip:" + name, CallID: name, CSeq: cseq, Updated: noon.Add(time.Duration(cseq) * time.Second), Expires: noon.Add(left)}
}

func TestView(t *testing.T) {
	a, b, c := phone("a", 1, time.Hour), phone("b", 1, time.Hour), phone("c", 1, time.Hour)
	renewed, anew := phone("a", 2, 2*time.Hour), phone("a", 3, time.Hour)
	old := phone("b", 1, -time.Second)
	otherFlow := a
	otherFlow.Params = message.Params(";reg-id=2;+sip.instance=\"<urn:x>\"")
	for _, x := range []struct {
		name  string
		was   []Contact
		is    []Contact
		why   map[string]Event
		full  bool
		tells string // "" for nothing
	}{
		{name: "nobody", full: true, tells: "full init []"},
		{name: "still nobody"},
		{name: "the first", is: []Contact{a}, tells: "partial active [sip:a active registered]"},
		{name: "one more", was: []Contact{a}, is: []Contact{a, b}, tells: "partial active [sip:b active registered]"},
		{name: "no change", was: []Contact{a, b}, is: []Contact{b, a}},
		{name: "no change, all", was: []Contact{a, b}, is: []Contact{a, b}, full: true, tells: "full active [sip:a active registered, sip:b active registered]"},
		{name: "refreshed", was: []Contact{a, b}, is: []Contact{renewed, b}, tells: "partial active [sip:a active refreshed]"},
		{name: "ended and registered again", was: []Contact{a}, is: []Contact{anew}, why: map[string]Event{"sip:a": Unregistered}, tells: "partial active [sip:a active registered]"},
		{name: "unregistered", was: []Contact{a, b}, is: []Contact{b}, why: map[string]Event{"sip:a": Unregistered}, tells: "partial active [sip:a terminated unregistered]"},
		{name: "removed", was: []Contact{a, b, c}, is: nil, why: map[string]Event{"sip:a": Deactivated, "sip:c": Deactivated, "sip:b": Expired},
			tells: "partial terminated [sip:a terminated deactivated, sip:b terminated expired, sip:c terminated deactivated]"},
		{name: "nobody says why", was: []Contact{a, old}, is: nil, tells: "partial terminated [sip:a terminated unregistered, sip:b terminated expired]"},
		{name: "all, with one that ended", was: []Contact{a, b}, is: []Contact{c}, full: true, why: map[string]Event{"sip:a": Unregistered, "sip:b": Unregistered},
			tells: "full active [sip:c active registered, sip:a terminated unregistered, sip:b terminated unregistered]"},
		{name: "one URI over two flows", was: []Contact{a}, is: []Contact{a, otherFlow}, tells: "partial active [sip:a active registered]"},
		{name: "one flow ended, another was refreshed", was: []Contact{a, otherFlow}, is: []Contact{renewed}, why: map[string]Event{otherFlow.Key(): Expired},
			tells: "partial active [sip:a active refreshed, sip:a terminated expired]"},
		{name: "came and went unseen", was: []Contact{a}, is: []Contact{a}, why: map[string]Event{"sip:z": Expired}},
	} {
		t.Run(x.name, func(t *testing.T) {
			v := view{aor: "sip:joe@example.com"}
			v.next(x.was, nil, true, noon)
			d, tell := v.next(x.is, x.why, x.full, noon)
			got := ""
			if tell {
				read, _ := mustRead(t, d)
				got = read.String()[len("0 "):]
			}
			if got != x.tells {
				t.Errorf("%s: told %q, want %q", x.name, got, x.tells)
			}
			if d, tell = v.next(x.is, nil, false, noon); tell {
				t.Errorf("%s: told once more %v", x.name, d)
			}
		})
	}
}

// A contact keeps its id, and how long it was seen registered, over refreshes; another contact has
// another id.
func TestViewIdentity(t *testing.T) {
	v := view{aor: "sip:joe@example.com"}
	v.next(nil, nil, true, noon)
	first, _ := v.next([]Contact{phone("a", 1, time.Hour), phone("b", 1, time.Hour)}, nil, false, noon)
	second, _ := v.next([]Contact{phone("a", 2, time.Hour), phone("b", 1, time.Hour)}, nil, false, noon)
	ids := fmt.Sprint(first.contacts[0].id == second.contacts[0].id, first.contacts[0].id == first.contacts[1].id, second.contacts[0].since.Equal(noon.Add(time.Second)))
	if ids != "true false true" {
		t.Errorf("%s: %+v %+v", ids, first, second)
	}
	other := view{aor: "sip:jim@example.com"}
	d, _ := other.next([]Contact{phone("a", 1, time.Hour)}, nil, true, noon)
	if d.contacts[0].id == first.contacts[0].id {
		t.Error("two users' contacts have one id")
	}
	if !d.contacts[0].since.IsZero() {
		t.Error("says since when a contact is registered that was there before it looked")
	}
}
