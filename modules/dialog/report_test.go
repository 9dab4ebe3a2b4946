package dialog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// However long the texts in calls and the keys are, a report is one that the other nodes take: it
// goes without the youngest calls.
func TestReportIsNotTooLong(t *testing.T) {
	for _, row := range []struct {
		name string
		text string // of a call
		key  string
	}{{"long texts", strings.Repeat("x", 8000), ""}, {"texts to be escaped", strings.Repeat("<", 2000), ""}, {"long keys", "", strings.Repeat("\x01", 250)}} {
		t.Run(row.name, func(t *testing.T) {
			d := &Dialogs{}
			d.table.init()
			const n = 4000
			for i := range n {
				c := &Call{d: d}
				c.t = track.Call{ID: track.ID{byte(i >> 8), byte(i)}, State: track.Confirmed, StartedAt: int64(i), From: row.text}
				d.limits.Take(&c.slots, []limits.Limit{{Key: fmt.Sprint(i, row.key)}}, true)
				d.table.add(c)
			}
			s := &shared{d: d, node: "x"}
			text, err := s.report()
			var r report
			if err != nil || len(text) > mostReport || json.Unmarshal(text, &r) != nil || !r.sound() {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
			if r.Count != n || len(r.Keys) < 500 || len(r.Calls) < 100 || r.Calls[0].Started != 0 {
				t.Errorf("%d calls, %d keys, the first %d", r.Count, len(r.Keys), len(r.Calls))
			}
		})
	}
}
