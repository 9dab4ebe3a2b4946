package b2b

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/b2b/control"
)

var write = flag.Bool("write", false, "write the tables of docs/control.md")

// The tables of docs/control.md are those of the declarations.
// go test ./modules/b2b -run TestControlPage -args -write makes them.
func TestControlPage(t *testing.T) {
	const path = "../../docs/control.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := New()
	events := control.Events()
	for _, e := range (&module{}).Events() {
		d := control.Described{Name: e.Name, Doc: e.Doc}
		var has []string
		for _, a := range e.Params {
			has = append(has, a.Name)
		}
		d.Doc += " It has " + strings.Join(has, " and ") + "."
		events = append(events, d)
	}
	tables := map[string]string{"orders": control.OrderTable(m.control.Orders()), "events": control.Table("event", events),
		"codes": control.Table("refused", control.Codes()), "reasons": control.Table("reason", control.Reasons())}
	for _, o := range m.control.Orders() {
		if o.Name == "hello" {
			tables["options of hello"] = o.OptionTable()
		}
	}
	page := string(text)
	for name, table := range tables {
		t.Run(name, func(t *testing.T) {
			begin, end := fmt.Sprintf("<!-- made of the declarations: %s -->\n\n", name), "\n<!-- end -->"
			head, rest, ok := strings.Cut(page, begin)
			old, tail, closed := strings.Cut(rest, end)
			if !ok || !closed {
				t.Fatalf("%s has no place for it", path)
			}
			if old != table && !*write {
				t.Errorf("%s has\n%s\nand not\n%s", path, old, table)
			}
			page = head + begin + table + end + tail
		})
	}
	if *write {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
