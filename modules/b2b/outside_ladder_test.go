package b2b_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// The example of docs/control.md is what happens.
func TestLadderOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/control.md")
	if err != nil {
		t.Fatal(err)
	}
	w := controlled(t, "")
	x := w.connect()
	x.order("hello", fields{"apps": []string{"ivr"}, "ref": "1"})
	o := w.calls()
	given := x.event("handed_over")
	a := of(given)
	x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob", "ref": "2"})
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	w.answer(in)
	all := []fields{given}
	dialled := x.answer("2")
	x.order("join", fields{"leg": a, "other": "bob", "ref": "3"})
	w.Answered(o, 200)
	all = append(all, dialled, x.answer("3"))
	x.read()
	said := map[string]string{}
	for _, m := range append(all, x.got...) {
		what := fmt.Sprint(m["event"])
		if m["ref"] != nil {
			what = fmt.Sprint("ref ", m["ref"])
		}
		said[fmt.Sprint(m["seq"])] = what
	}
	shown := regexp.MustCompile(`\{"seq":(\d+),"(event|ref)":"([a-z0-9_.]+)"`).FindAllStringSubmatch(string(page), -1)
	rows := 0
	for _, m := range shown {
		what := m[3]
		if m[2] == "ref" {
			what = "ref " + what
		}
		rows++
		t.Run(m[1]+" "+what, func(t *testing.T) {
			if said[m[1]] != what {
				t.Errorf("%s is %s, not %s; there are %v", m[1], said[m[1]], what, said)
			}
		})
	}
	if rows < 7 {
		t.Errorf("only %d messages of the page are found", rows)
	}
	x.result("hang_up", fields{"leg": a})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
}
