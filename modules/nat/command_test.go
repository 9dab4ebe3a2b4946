package nat_test

// This file tests the admin API and the command.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/modules/nat"
)

func TestCommand(t *testing.T) {
	w := start(t, `nat.configure { keepalive = { interval = 20, lost_after = 5 } }`+saving, nat.Options{})
	all := []*sim.Phone{w.phone(0), w.phone(1), w.phone(2)}
	all[2].Answers = nil
	w.Run(21 * time.Second)
	all[1].Answers = nil
	w.Run(41 * time.Second)
	run := func(flags map[string]any, words string) string {
		out, err := hosttest.Run(nat.Plugin().Commands[0], "nat", w.nat.API(), flags, strings.Fields(words)...)
		return strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}
	const head = "AOR CONTACT AT STATE MISSED "
	for _, row := range []struct {
		words string
		flags map[string]any
		want  []string
	}{
		{"nat", nil, []string{head, "sip:u0@example.com", " answers 0 ", " silent ", " unknown ", " 3 kept alive; ", "; 0 lost <nil>"}},
		{"nat list sip:u0@example.com", nil, []string{head + "sip:u0@example.com sip:u0@10.0.0.2:5060 udp:192.0.10.2:", " answers 0 3 kept alive"}},
		{"nat list sip:nobody@example.com", nil, []string{head + "3 kept alive"}},
		{"nat", map[string]any{"state": "silent"}, []string{head + "sip:u1@example.com ", " silent ", " 3 kept alive"}},
		{"nat", map[string]any{"limit": 2}, []string{" … 3 kept alive"}},
		{"nat", map[string]any{"state": "unknown", "json": true}, []string{`"kept": 3`, `"aor": "sip:u2@example.com"`, `"state": "unknown"`, `"more": false`}},
		{"nat", map[string]any{"state": "lost"}, []string{"400 state is answers, silent or unknown"}},
		{"nat", map[string]any{"limit": 99999}, []string{"400 limit is a number from 1 to 10000"}},
		{"nat list a b", nil, []string{"one address of record at a time"}},
	} {
		t.Run(fmt.Sprint(row.words, row.flags), func(t *testing.T) {
			got := run(row.flags, row.words)
			for _, part := range row.want {
				if !strings.Contains(got, part) {
					t.Errorf("no %q in %s", part, got)
				}
			}
		})
	}
}
