package limit

// What a script or a program says.

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/modules/limit/bucket"
	"github.com/sipscript/sipscript/modules/trust"
)

// Flood bounds what one source sends: an address, of IPv6 its /64.
type Flood struct {
	Requests int           // how many one source may send in each Per
	Per      time.Duration // default a second
	// Ban is for how long a source that sends more is not heard; 0: only what is too much is
	// dropped.
	Ban    time.Duration
	Except []string // lists of acl whose senders are not counted
}

// Total bounds what all sources send.
type Total struct {
	CallsPerSecond float64 // new INVITEs; beyond them 503 with Retry-After
}

// Policy is what counts. The zero value bounds nothing.
type Policy struct {
	Flood  *Flood // what one source may send
	Total  *Total // what all sources may send
	Shared bool   // Rate and Window count what all nodes with the same Options.Share count
}

// policy is a Policy in force.
type policy struct {
	Policy
	scanners func() *scanners // nil: none are recognised
	rate     bucket.Rate      // of Flood
	calls    bucket.Rate      // of Total
}

// Check returns what is wrong with a Policy.
func (p *Policy) Check() error {
	if f := p.Flood; f != nil {
		if f.Requests < 1 || f.Per < 0 || f.Ban < 0 {
			return errors.New("limit: flood needs requests of at least 1, and neither per nor ban below 0")
		}
		for _, name := range f.Except {
			if !trust.IsListName(name) {
				return fmt.Errorf("limit: except: %.60q can't be the name of a list", name)
			}
		}
	}
	if p.Total != nil && p.Total.CallsPerSecond <= 0 {
		return errors.New("limit: calls_per_second must be above 0")
	}
	return nil
}

// checkLists returns an error if a list is named that there is not.
func (l *Limit) checkLists(p *Policy) error {
	if p.Flood == nil {
		return nil
	}
	for _, name := range p.Flood.Except {
		if lists := l.o.Lists(); lists == nil || !lists.HasList(name) {
			return fmt.Errorf("flood.except: acl has no list %q", name)
		}
	}
	return nil
}

// Use puts a policy into force, with the shipped list of scanners if flood is given.
func (l *Limit) Use(p Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	own := newPolicy(p)
	if p.Flood != nil {
		s, err := shippedScanners()
		if err != nil {
			return err
		}
		own.scanners = func() *scanners { return s }
	}
	l.serve(own)
	return nil
}

func newPolicy(p Policy) *policy {
	own := &policy{Policy: p}
	if f := p.Flood; f != nil {
		own.rate = bucket.RateOf(float64(f.Requests), cmp.Or(f.Per, time.Second), f.Requests)
	}
	if p.Total != nil {
		own.calls = bucket.RateOf(p.Total.CallsPerSecond, time.Second, 0)
	}
	return own
}
