package dialog_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
)

// relays stands for what relays media: a description has its address, 10.9.RELAY.SIDE, after a
// while that the test chooses.
type relays struct {
	t     *testing.T
	wait  func() time.Duration // nil: at once
	fails func() bool          // nil: never

	mu     sync.Mutex // guards what follows: lanes work at the same time
	made   int
	open   map[*relayed]bool
	offers int
	shown  int
}

// relayed is one of two parties.
type relayed struct {
	all     *relays
	n       int
	x       *dialog.Leg
	busy    bool
	offered bool
}

func newRelays(t *testing.T) *relays { return &relays{t: t, open: map[*relayed]bool{}} }

func (m *relays) Far() dialog.Media { return m }

func (m *relays) Between(x, _ *dialog.Leg) dialog.Relay {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made++
	r := &relayed{all: m, n: m.made, x: x}
	m.open[r] = true
	return r
}

var addresses = regexp.MustCompile(`IN IP4 [0-9.]+`)

func (r *relayed) Show(s dialog.Shown, then func([]byte, error)) {
	m := r.all
	m.mu.Lock()
	switch {
	case !m.open[r]:
		m.t.Error("a description is shown after the end")
	case r.busy:
		m.t.Error("a description is shown before the last has been")
	case s.Answer && !r.offered:
		m.t.Error("an answer is shown before any offer")
	case len(s.Text) == 0:
		m.t.Error("an empty description is shown")
	}
	m.shown++
	if !s.Answer {
		r.offered = true
		m.offers++
	}
	m.mu.Unlock()
	side := 1
	if s.From != r.x {
		side = 2
	}
	tell := func() {
		if r.busy = false; m.fails != nil && m.fails() {
			then(nil, errors.New("the relay is broken"))
			return
		}
		then(addresses.ReplaceAll(s.Text, fmt.Appendf(nil, "IN IP4 10.9.%d.%d", r.n, side)), nil)
	}
	if m.wait == nil {
		tell()
		return
	}
	r.busy = true
	s.From.Lane().After(m.wait(), &lane.Timer{}, expires(tell))
}

func (r *relayed) End() {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if !r.all.open[r] {
		r.all.t.Error("a relay ended twice")
	}
	delete(r.all.open, r)
}

// expires is a timer's function.
type expires func()

func (f expires) Expire(*lane.Timer) { f() }

// over checks that all relays have ended.
func (m *relays) over() {
	m.t.Helper()
	if len(m.open) > 0 {
		m.t.Errorf("%d relays of %d did not end", len(m.open), m.made)
	}
}

// passes reports whether a description that is sent was relayed, or lets nobody send media to it.
func passes(sdp string) bool {
	return strings.Contains(sdp, "IN IP4 10.9.") || strings.Contains(sdp, "a=inactive") || !strings.Contains(sdp, "m=") || strings.Contains(sdp, "m=audio 0 ")
}
