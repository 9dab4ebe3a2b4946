package notifier

// This file tests when a subscription reports and ends, without a message.

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

const second = lane.Time(time.Second)

// Each row does a few things to a machine at their times and says whether a NOTIFY is due.
func TestMachine(t *testing.T) {
	begun := func() *machine {
		m := &machine{}
		m.last(0, time.Minute)
		return m
	}
	told := func(interval time.Duration) *machine {
		m := begun()
		m.sends(0, interval)
		m.told()
		m.answered()
		return m
	}
	for _, x := range []struct {
		name   string
		made   *machine
		do     func(m *machine)
		at     lane.Time
		dirty  bool
		due    bool
		ending string
	}{
		{name: "RFC 6665 4.2.1.2: at once after a SUBSCRIBE", made: begun(), due: true},
		{name: "4.2.1.4: a fetch is told once, as the end", made: begun(), do: func(m *machine) { m.last(0, 0) }, due: true, ending: "timeout"},
		{name: "nothing without a change", made: told(5 * time.Second), at: 30 * second},
		{name: "a change is told", made: told(0), dirty: true, at: second, due: true},
		{name: "a change waits for the interval", made: told(5 * time.Second), dirty: true, at: 4 * second},
		{name: "and is told after it", made: told(5 * time.Second), dirty: true, at: 5 * second, due: true},
		{name: "a refresh does not wait for the interval", made: told(5 * time.Second), do: func(m *machine) { m.last(second, time.Minute) }, at: second, due: true},
		{name: "one at a time: nothing while one is under way", made: begun(), do: func(m *machine) { m.sends(0, 0) }, dirty: true, at: 10 * second},
		{name: "nor at the end", made: begun(), do: func(m *machine) { m.sends(0, 0) }, at: 61 * second},
		{name: "a refresh while one is under way is told after it", made: begun(), do: func(m *machine) { m.sends(0, 0); m.told(); m.last(second, time.Minute); m.answered() }, at: second, due: true},
		{name: "4.2.2: it times out", made: told(0), at: 60 * second, due: true, ending: "timeout"},
		{name: "a refresh moves the end", made: told(0), do: func(m *machine) { m.extend(30*second, time.Minute) }, at: 60 * second},
		{name: "it ends for the first reason", made: told(0), do: func(m *machine) { m.end("rejected", 0); m.end("noresource", 0) }, at: second, due: true, ending: "rejected"},
		{name: "the end does not wait for the interval", made: told(5 * time.Second), do: func(m *machine) { m.end("giveup", 0) }, at: second, due: true, ending: "giveup"},
		{name: "Retry-After puts everything off", made: told(0), do: func(m *machine) { m.failed(0, true, 10*time.Second) }, dirty: true, at: 9 * second},
		{name: "and is heeded", made: told(0), do: func(m *machine) { m.failed(0, true, 10*time.Second) }, at: 10 * second, due: true},
		{name: "but not past the end", made: told(0), do: func(m *machine) { m.failed(0, true, time.Hour) }, at: 60 * second, due: true, ending: "timeout"},
		{name: "nothing after a failure", made: told(0), do: func(m *machine) { m.failed(0, false, 0) }, dirty: true, at: second},
		{name: "nothing after too many", made: told(0), dirty: true, at: 20 * second, do: func(m *machine) {
			for range maxTries + 1 {
				m.failed(0, true, time.Second)
			}
		}},
		{name: "nothing after the last was answered", made: begun(), dirty: true, at: 20 * second, ending: "timeout", do: func(m *machine) { m.last(0, 0); m.sends(0, 0); m.told(); m.answered() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			if x.do != nil {
				x.do(x.made)
			}
			if due := x.made.step(x.at, x.dirty); due != x.due || x.made.ending != x.ending {
				t.Errorf("due %v, ending %q: %+v", due, x.made.ending, x.made)
			}
		})
	}
}

// Whatever happens, step has nothing to say before due, and something then, unless a NOTIFY is
// under way or it is over.
func TestMachineDue(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			m, now, dirty := &machine{}, lane.Time(0), false
			m.last(0, time.Minute)
			for range 200 {
				now = now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
				switch rnd.IntN(5) {
				case 0:
					dirty = true
				case 1:
					m.last(now, time.Duration(rnd.IntN(100))*time.Second)
				case 2:
					if m.flying && rnd.IntN(4) == 0 {
						m.failed(now, rnd.IntN(8) > 0, time.Duration(rnd.IntN(20))*time.Second)
					} else if m.flying {
						m.answered()
					}
				}
				before := *m
				if m.step(now, dirty) {
					if m.flying || m.gone {
						t.Fatalf("%+v", m)
					}
					m.sends(now, 5*time.Second)
					m.told()
					dirty = false
					continue
				}
				if !m.flying && !m.gone {
					if at := m.due(dirty); at <= now || !m.step(at, dirty) {
						t.Fatalf("at %v, due %v: %+v", now, at, before)
					}
					*m = before
				}
			}
		})
	}
}
