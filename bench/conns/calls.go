//go:build linux

package main

// Calls between registered connections, beside Kamailio's over the same transport.

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// loader has the phones of one server call each other: the first half the second.
type loader struct {
	run    string // tells its Call-IDs from those of others
	phones []*phone
	last   int // the number of the last call

	mu       sync.Mutex // guards the fields below
	hangUps  []hangUp   // in the order of their time
	times    []time.Duration
	ok, lost int
}

// hangUp is a call to end.
type hangUp struct {
	at time.Time
	p  *phone
	id int
}

// talk is between ACK and BYE; patience is how long calls that are left may take.
const (
	talkTime = 100 * time.Millisecond
	patience = 5 * time.Second
)

// newLoader connects and registers so many phones.
func newLoader(s *server, kind string, n int) (*loader, error) {
	l := &loader{run: strconv.FormatInt(time.Now().UnixNano(), 36)}
	for i := range n {
		c, err := dial(s, kind, net.IPv4(127, 0, 1, byte(1+i/perAddress)))
		if err == nil {
			p := l.newPhone(c, kind, i)
			l.phones = append(l.phones, p)
			err = p.register()
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("phone %d: %w", i, err)
		}
	}
	return l, nil
}

func (l *loader) close() {
	for _, p := range l.phones {
		p.Close()
	}
}

// talking notes a call that was answered; the phone's mu is held.
func (l *loader) talking(p *phone, id int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, took)
	l.hangUps = append(l.hangUps, hangUp{time.Now().Add(talkTime), p, id})
}

// ended notes that a call is over.
func (l *loader) ended(whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if whole {
		l.ok++
	} else {
		l.lost++
	}
}

// due takes the calls that are to be hung up.
func (l *loader) due(now time.Time) (list []hangUp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.hangUps) > 0 && !now.Before(l.hangUps[0].at) {
		list, l.hangUps = append(list, l.hangUps[0]), l.hangUps[1:]
	}
	return list
}

// load is what one load came to.
type load struct {
	ok, failed int
	cpu        float64 // µs a completed call
	p50, p99   time.Duration
}

// calls begins calls at a rate, whether or not those before them have ended.
func (l *loader) calls(s *server, rate int, length time.Duration) (r load, err error) {
	l.times, l.ok, l.lost, l.hangUps = nil, 0, 0, nil
	half := len(l.phones) / 2
	used, began := s.cpu(), time.Now()
	begun, busy := 0, 0
	for {
		now := time.Now()
		for _, h := range l.due(now) {
			h.p.hangUp(h.id)
		}
		for since := now.Sub(began); since < length && begun < int(since.Seconds()*float64(rate)); begun++ {
			l.last++
			if from := l.last % half; !l.phones[from].begin(l.last, half+from) {
				busy++
			}
		}
		l.mu.Lock()
		left := begun - busy - l.ok - l.lost
		l.mu.Unlock()
		if now.Sub(began) > length && (left == 0 || now.Sub(began) > length+patience) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	used = s.cpu() - used
	for _, p := range l.phones[:half] {
		p.drop()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ok == 0 {
		return r, errors.New("no call was completed")
	}
	slices.Sort(l.times)
	at := func(q float64) time.Duration { return l.times[min(int(q*float64(len(l.times))), len(l.times)-1)] }
	return load{l.ok, begun - l.ok, used * 1e6 / float64(l.ok), at(.5), at(.99)}, nil
}

// compareCalls loads all servers over each transport by turns, and prints medians.
func (t *test) compareCalls() error {
	fmt.Printf("%d connections, %d calls/s for %d s, %d rounds by turns\n\n| transport | server | µs CPU/call | ours × it | failed | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|\n", t.conns, t.rate, t.seconds, t.rounds)
	for _, kind := range t.kinds {
		if err := t.callsOver(kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func (t *test) callsOver(kind string) error {
	up, err := t.startAll(kind)
	defer stopAll(up)
	if err != nil {
		return err
	}
	rows := make([][]load, len(up))
	loaders := make([]*loader, len(up))
	for i, s := range up {
		if loaders[i], err = newLoader(s, kind, t.conns); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		defer loaders[i].close()
	}
	for round := range t.rounds + 1 { // the first warms up
		for i, s := range up {
			r, err := loaders[i].calls(s, t.rate, time.Duration(t.seconds)*time.Second)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round > 0 {
				rows[i] = append(rows[i], r)
			}
		}
	}
	ours := rows[len(rows)-1]
	for i, s := range up {
		failed := 0
		var ratios []float64
		for n, r := range rows[i] {
			failed += r.failed
			ratios = append(ratios, ours[n].cpu/r.cpu)
		}
		fmt.Printf("| %s | %s | %.1f | %.2f | %d | %.2f | %.2f |\n", kind, s.name, middle(rows[i], func(r load) float64 { return r.cpu }), median(ratios), failed,
			middle(rows[i], func(r load) float64 { return r.p50.Seconds() * 1000 }), middle(rows[i], func(r load) float64 { return r.p99.Seconds() * 1000 }))
	}
	return nil
}

// middle is the median of what f takes of each.
func middle[T any](list []T, f func(T) float64) float64 {
	var v []float64
	for _, x := range list {
		v = append(v, f(x))
	}
	return median(v)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
