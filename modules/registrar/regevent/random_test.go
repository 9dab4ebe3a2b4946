package regevent

// This file tests that subscribers know in the end what is registered, whatever changed and
// whatever the network did meanwhile.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// picture is a subscriber as RFC 3680 §5.1 describes it.
type picture struct {
	version int
	active  map[string]string // by id: the URI
	state   string
}

// take applies a document. Partial ones count only one after another.
func (p *picture) take(t testing.TB, d *info) {
	t.Helper()
	switch {
	case d.full && d.version > p.version:
		p.active = map[string]string{}
	case !d.full && d.version == p.version+1:
	default:
		t.Errorf("version %d after %d (full %v)", d.version, p.version, d.full)
	}
	p.version, p.state = d.version, d.state
	for _, c := range d.contacts {
		if c.attributes["state"] == stateActive {
			p.active[c.attributes["id"]] = c.uri
		} else {
			delete(p.active, c.attributes["id"])
		}
	}
}

func (p *picture) uris() string {
	var list []string
	for _, uri := range p.active {
		list = append(list, uri)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestRandomChanges(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { randomChanges(t, seed) })
	}
}

func randomChanges(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, Policy{}, seed%2 == 1)
	var apps []*watcher
	pictures := map[*watcher]*picture{}
	for i := range 4 {
		app := w.watcher(fmt.Sprintf("203.0.113.%d:5060", i+1))
		app.subscribes("Expires: 3000")
		apps, pictures[app] = append(apps, app), &picture{version: -1, active: map[string]string{}}
	}
	w.SetLink(sim.Link{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.15, Duplicate: 0.1})
	here := map[string]Contact{}
	for range 60 {
		uri := fmt.Sprintf("sip:joe@pc%d", rnd.IntN(6))
		why := Event("")
		if _, ok := here[uri]; ok && rnd.IntN(2) == 0 {
			delete(here, uri)
			why = []Event{Unregistered, Expired, Deactivated}[rnd.IntN(3)]
		} else {
			here[uri] = w.at(uri, uint32(rnd.IntN(1000)))
		}
		w.set(why, uri, values(here)...)
		if app := apps[rnd.IntN(len(apps))]; rnd.IntN(5) == 0 {
			app.send("Expires: 3000")
		}
		w.Run(time.Duration(rnd.IntN(4000)) * time.Millisecond)
	}
	w.SetLink(sim.Link{Delay: time.Millisecond})
	w.Run(90 * time.Second)
	var want []string
	for uri := range here {
		want = append(want, uri)
	}
	slices.Sort(want)
	for i, app := range apps {
		p := pictures[app]
		seen := map[string]bool{}
		for _, a := range app.got {
			if cseq := string(a.Header(message.HeaderCSeq)); a.Method() == message.MethodNotify && !seen[cseq] { // a retransmission says nothing new
				seen[cseq] = true
				d, err := readInfo(a.Body())
				if err != nil {
					t.Fatal(err)
				}
				p.take(t, d)
			}
		}
		if p.uris() != strings.Join(want, " ") {
			t.Errorf("subscriber %d knows of %s, registered are %s", i, p.uris(), want)
		}
	}
	w.Run(3100 * time.Second)
	w.over()
}

func values(m map[string]Contact) []Contact {
	var list []Contact
	for _, c := range m {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Contact) int { return strings.Compare(a.URI, b.URI) })
	return list
}

// Changes come from many goroutines at once, while subscriptions come and go. For the race
// detector.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, policyOf(func(p *Policy) { p.Interval = 0 }), true)
	var apps []*watcher
	for i := range 8 {
		app := w.watcher(fmt.Sprintf("203.0.113.%d:5060", i+1))
		app.subscribes("Expires: 60")
		apps = append(apps, app)
	}
	for round := range 20 {
		w.Do(func() {
			var all sync.WaitGroup
			for g := range 4 {
				all.Go(func() {
					for i := range 20 {
						uri := fmt.Sprintf("sip:joe@g%d-%d", g, i%3)
						w.book.mu.Lock()
						w.book.contacts[joe] = []Contact{w.at(uri, uint32(round*100+i))}
						w.book.mu.Unlock()
						w.n.Changed(joe, uri, Unregistered)
					}
				})
			}
			all.Wait()
		})
		apps[round%len(apps)].send("Expires: 60")
		w.Run(time.Second)
	}
	for _, app := range apps {
		app.send("Expires: 0")
	}
	w.over()
}
