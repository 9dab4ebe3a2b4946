package sink

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// What a record has become in a destination does not depend on whether it was still in memory.
func TestValuesAreAsTheirText(t *testing.T) {
	at := cdr.Time{Time: time.Date(2026, 11, 30, 1, 2, 3, 456_789_000, time.FixedZone("", 3600))}
	full := cdr.Record{ID: "1", Type: cdr.Call, Call: "c", Event: "e", Node: "n\u00e9", CallID: "id,\"x\"", FromURI: "=1+1", FromTag: "-1", ToURI: "-a", ToTag: "\r\n", RequestURI: "sip:a@b", User: "u\x00v",
		Source: "udp:192.0.2.1:5060", Target: "sip:c@d", UserAgent: " a ", CalleeAgent: "\u00a0", Diversion: "d", Began: at, Rang: at, Answered: at, Ended: at, Duration: 12.3456, Code: 200, Reason: "r", Cause: "bye", EndedBy: "caller",
		Legs:   []cdr.Branch{{Target: "sip:a@b", NextHop: "sip:h", Began: at, Ended: at, Code: 503, Reason: "\"no\"", Redirect: []string{"x"}, Fields: map[string]any{"n": 1, "list": []any{1.0}}}},
		Fields: map[string]any{"customer": "4711", "price": 1.25, "free": true, "own": "=x"}}
	for _, r := range []cdr.Record{full, {ID: "2", Type: cdr.Event, Began: at}} {
		if !r.Plain() {
			t.Errorf("%+v is not plain", r)
		}
		text, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		kept, written := spool.Record{Data: text, Value: &r}, spool.Record{Data: text}
		for _, fields := range [][]string{nil, {"own", "missing", "price"}} {
			line := CSV("", fields, Rotation{}, time.Now).(*file).format.line
			a, errA := line(nil, &kept)
			b, errB := line(nil, &written)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%q, %v; want %q, %v", a, errA, b, errB)
			}
		}
		lists, err := decode([]spool.Record{kept, written})
		if err != nil {
			t.Fatal(err)
		}
		for _, database := range []string{"sqlite", "postgres", "mysql"} {
			for _, name := range append([]string{"customer", "price", "free", "own"}, columns...) {
				a, b := fmt.Sprintf("%T %[1]v", ownValue(database, lists[0], name)), fmt.Sprintf("%T %[1]v", ownValue(database, lists[1], name))
				if a != b {
					t.Errorf("%s %s: %q, want %q", database, name, a, b)
				}
			}
		}
	}
	for _, fields := range []map[string]any{{"n": 1}, {"s": "\xff"}, {"\xff": "s"}, {"l": []any{1.0}}, {"none": nil}} {
		if r := (&cdr.Record{Fields: fields}); r.Plain() {
			t.Errorf("%v is plain", fields)
		}
	}
	if r := (&cdr.Record{Node: "\xff"}); r.Plain() {
		t.Error("a node that is not UTF-8 is plain")
	}
}
