package registrar

// This file checks the registrar against a model of §10.3 that is as simple as can be, on random
// stories.

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"pgregory.net/rapid"
)

// modelBinding is a binding of the model; contacts are numbers.
type modelBinding struct {
	contact, q int
	callID     string
	cseq       int
	end, at    time.Time
}

// modelContact is one contact of a request: seconds -1 for none given.
type modelContact struct{ contact, q, seconds int }

type model map[string][]modelBinding

// register is §10.3 without regard for cost.
func (m model) register(aor, callID string, cseq int, contacts []modelContact, star bool, header int, limit int, now time.Time) int {
	live := slices.DeleteFunc(slices.Clone(m[aor]), func(b modelBinding) bool { return !b.end.After(now) })
	stale := func(b modelBinding) bool { return b.callID == callID && b.cseq >= cseq }
	if star {
		if header != 0 || len(contacts) > 0 {
			return 400
		}
		if slices.ContainsFunc(live, stale) {
			return 500
		}
		m[aor] = nil
		return 200
	}
	next := slices.Clone(live)
	for i := range contacts {
		c := &contacts[i]
		if c.seconds < 0 {
			c.seconds = header
		}
		if c.seconds < 0 {
			c.seconds = 3600
		}
		if c.seconds > 0 && c.seconds < 60 {
			return 423
		}
	}
	for _, c := range contacts {
		i := slices.IndexFunc(next, func(b modelBinding) bool { return b.contact == c.contact })
		if i >= 0 {
			if before := slices.IndexFunc(live, func(b modelBinding) bool { return b == next[i] }); before >= 0 && stale(next[i]) {
				return 500
			}
			next = slices.Delete(next, i, i+1)
		}
		if c.seconds > 0 {
			end := now.Add(time.Duration(min(c.seconds, 7200)) * time.Second)
			next = append(next, modelBinding{c.contact, c.q, callID, cseq, end, now})
		}
	}
	if len(next) > limit && len(next) > len(live) {
		return 403
	}
	m[aor] = next
	return 200
}

func (m model) lookup(aor string, now time.Time) []modelBinding {
	live := slices.DeleteFunc(slices.Clone(m[aor]), func(b modelBinding) bool { return !b.end.After(now) })
	return live
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4
		r := luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.MaxContacts = limit })}))
		m, now := model{}, start
		contacts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelContact {
			return modelContact{rapid.IntRange(0, 5).Draw(t, "contact"), rapid.IntRange(0, 10).Draw(t, "q"),
				rapid.SampledFrom([]int{-1, 0, 59, 60, 100, 3600, 9000}).Draw(t, "seconds")}
		}), 0, 5)
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 60, 3600}).Draw(t, "time")) * time.Second)
			if rapid.Bool().Draw(t, "sweep") {
				if err := r.Sweep(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			aor := rapid.SampledFrom([]string{"sip:a@example.com", "sip:b@example.com"}).Draw(t, "aor")
			callID := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "call-id")
			cseq := rapid.IntRange(1, 8).Draw(t, "cseq")
			header := rapid.SampledFrom([]int{-1, -1, 0, 60, 300}).Draw(t, "expires")
			star := rapid.IntRange(0, 7).Draw(t, "star") == 0
			ask := contacts.Draw(t, "contacts")
			if star && rapid.Bool().Draw(t, "alone") {
				ask = nil
			}
			g := modelRequest(aor, callID, cseq, header, star, ask)
			res := r.Process(t.Context(), parse(t, g), udpFrom("192.0.2.4:5060"), home, now)
			want := 0
			if len(ask) == 0 && !star {
				want = 200
			} else {
				want = m.register(aor, callID, cseq, ask, star, header, limit, now)
			}
			if res.Code != want {
				t.Fatalf("%d (%v), want %d for\n%s", res.Code, res.Err, want, g.text())
			}
			for aor := range m {
				compareModel(t, r, aor, m.lookup(aor, now), now)
			}
		}
	})
}

func modelRequest(aor, callID string, cseq, header int, star bool, ask []modelContact) reg {
	g := reg{to: "<" + aor + ">", callID: callID, cseq: cseq}
	for _, c := range ask {
		text := fmt.Sprintf("<sip:%d@h>;q=%d.%d", c.contact, c.q/10, c.q%10)
		if c.seconds >= 0 {
			text += fmt.Sprintf(";expires=%d", c.seconds)
		}
		g.contacts = append(g.contacts, text)
	}
	if star {
		g.contacts = append(g.contacts, "*")
	}
	if header >= 0 {
		g.headers = list(fmt.Sprintf("Expires: %d", header))
	}
	return g
}

func parse(t *rapid.T, g reg) *message.Message {
	m := new(message.Message)
	if err := m.Parse([]byte(g.text()), &message.Limits{}); err != nil {
		t.Fatal(err)
	}
	return m
}

func compareModel(t *rapid.T, r *Registrar, aor string, want []modelBinding, now time.Time) {
	u, _ := message.ParseURI([]byte(aor))
	got, err := r.Lookup(context.Background(), &u, now)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s: %d bindings, want %d", aor, len(got), len(want))
	}
	for i, b := range got {
		if i > 0 && (got[i-1].Q() < b.Q() || got[i-1].Q() == b.Q() && got[i-1].Updated().Before(b.Updated())) {
			t.Fatalf("%s: binding %d stands in the wrong place", aor, i)
		}
		j := slices.IndexFunc(want, func(w modelBinding) bool { return fmt.Sprintf("sip:%d@h", w.contact) == b.Contact() })
		if j < 0 {
			t.Fatalf("%s: %s is bound, which it should not be", aor, b.Contact())
		}
		w := want[j]
		if !b.Expires().Equal(w.end) || !b.Updated().Equal(w.at) || b.CallID() != w.callID || int(b.CSeq()) != w.cseq || b.Q() != float64(w.q)/10 {
			t.Fatalf("%s: %+v, want %+v", aor, b.Record(), w)
		}
	}
}
