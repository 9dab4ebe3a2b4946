package engine

import (
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// counts are one lane's figures. They are written with the lane's token held and may be read at any
// time.
type counts struct {
	requests  [message.MethodUpdate + 1]atomic.Uint64 // new requests, by method
	responses [7]atomic.Uint64                        // responses received, by class
	answers   [700]atomic.Uint32                      // final answers to requests, by code
	begun     [700]atomic.Uint32                      // of these, to those outside of dialogs
	// Of the transaction layer, by transaction.Event
	events  [32]atomic.Uint64
	strays  atomic.Uint64 // responses that belonged to nothing
	tickets atomic.Uint64 // requests refused along our Record-Route
	routes  atomic.Uint64 // calls of the router
	// New dialogs refused because messages waited too long
	overload atomic.Uint64
	failures atomic.Uint64 // those that ended with an error
	calls    atomic.Int64  // answered ones that are known to a Reporter and have not ended
	// Nanoseconds from the call of the router to its return, waits included
	routeTime atomic.Int64
}

func (c *counts) answer(code int) {
	if code >= 0 && code < len(c.answers) {
		c.answers[code].Add(1)
	}
}

// over counts the final answer of a request outside of dialogs.
func (c *counts) over(code int) {
	if code > 0 && code < len(c.begun) {
		c.begun[code].Add(1)
	}
}

func (c *counts) event(ev transaction.Event, n int) {
	if int(ev) < len(c.events) {
		c.events[ev].Add(uint64(n))
	}
}

func (c *counts) routed(d time.Duration, err error) {
	c.routes.Add(1)
	c.routeTime.Add(int64(d))
	if err != nil {
		c.failures.Add(1)
	}
}

func (u *unit) answered(m message.Method, code int) {
	if code > 0 && m != message.MethodAck {
		u.count.answer(code)
	}
}

// Stats are an engine's figures since it started, and its current state.
type Stats struct {
	Requests    map[string]uint64 // new requests by method; "other" for extension methods
	Responses   [7]uint64         // responses received by class: [2] is 2xx
	Answers     map[int]uint64    // final answers to requests by code
	Begun       map[int]uint64    // final answers to requests outside of dialogs, by code
	Strays      uint64            // responses that belonged to no transaction
	Tickets     uint64            // requests that our Record-Route did not let pass
	Events      map[string]uint64 // events in transactions, by the name of the transaction.Event
	BadMessages uint64            // messages dropped because they could not be read
	// Messages that were neither passed nor answered, by reason: "bad_via", "stray"
	Dropped   map[string]uint64
	BadFrames uint64 // datagrams and streams that contained no message
	Overload  uint64 // new dialogs refused because messages waited too long
	Refused   uint64 // messages refused because a lane's queue was full

	Routes        uint64        // calls of the router
	RouteFailures uint64        // those that ended with an error
	RouteTime     time.Duration // their time in all, waits included

	Calls              int // answered and not ended, with a Config.Reporter, on whose path we are
	InProgress         int // requests with no final answer, or with a branch that has none
	ServerTransactions int // of requests that came in, answered ones included
	ClientTransactions int // of requests that were sent

	DNS resolver.Stats // of the DNS; empty where a Config.Resolver has its place

	Lanes     []LaneStats                // those that carry calls
	Transport map[string]transport.Stats // by transport: "udp"; empty in a simulation
}

// LaneStats are one lane's figures.
type LaneStats struct {
	Works   uint64                    // pieces of work done
	Refused uint64                    // pieces of work refused
	Panics  uint64                    // pieces of work that panicked
	Queued  uint64                    // pieces of work that waited in the queue
	Waited  time.Duration             // the sum of their waits
	Recent  time.Duration             // a moving average of the wait
	Depth   int                       // waiting now
	Delays  [lane.DelayBuckets]uint64 // how many waited how long, by lane.DelayBuckets
}

// Stats gathers the figures.
func (e *Engine) Stats() Stats {
	s := Stats{Requests: map[string]uint64{}, Answers: map[int]uint64{}, Begun: map[int]uint64{}, Events: map[string]uint64{}, Dropped: e.drops.snapshot(), BadMessages: e.badMessages.Load(), BadFrames: e.badFrames.Load(), Refused: e.refused.Load()}
	if e.lookups != nil {
		s.DNS = e.lookups.r.Stats()
	}
	for _, u := range e.units {
		c := &u.count
		for m := range c.requests {
			if n := c.requests[m].Load(); n > 0 {
				name := message.Method(m).String()
				if message.Method(m) == message.MethodOther {
					name = "other"
				}
				s.Requests[name] += n
			}
		}
		for i := range c.responses {
			s.Responses[i] += c.responses[i].Load()
		}
		for code := range c.answers {
			if n := c.answers[code].Load(); n > 0 {
				s.Answers[code] += uint64(n)
			}
			if n := c.begun[code].Load(); n > 0 {
				s.Begun[code] += uint64(n)
			}
		}
		for i := range c.events {
			if n := c.events[i].Load(); n > 0 {
				s.Events[transaction.Event(i).String()] += n
			}
		}
		s.Strays += c.strays.Load()
		s.Tickets += c.tickets.Load()
		s.Overload += c.overload.Load()
		s.Routes += c.routes.Load()
		s.Calls += int(c.calls.Load())
		s.RouteFailures += c.failures.Load()
		s.RouteTime += time.Duration(c.routeTime.Load())
		s.Lanes = append(s.Lanes, laneStats(u.lane))
	}
	var progress, servers, clients atomic.Int64
	e.onLanes(func(u *unit) {
		progress.Add(int64(u.core.Contexts()))
		sn, cn := u.layer.Counts()
		servers.Add(int64(sn))
		clients.Add(int64(cn))
	})
	s.InProgress, s.ServerTransactions, s.ClientTransactions = int(progress.Load()), int(servers.Load()), int(clients.Load())
	if e.stack != nil {
		s.Transport = map[string]transport.Stats{}
		for _, l := range e.stack.Known() {
			s.Transport[l.Kind.String()] = e.stack.Stats(l.Kind)
		}
	}
	return s
}

func laneStats(l *lane.Lane) LaneStats {
	st := l.Stats()
	s := LaneStats{Works: st.Works.Load(), Refused: st.Refused.Load(), Panics: st.Panics.Load(), Queued: st.Queued.Load(),
		Waited: time.Duration(st.Waited.Load()), Recent: time.Duration(st.Recent.Load()), Depth: l.Depth()}
	for i := range s.Delays {
		s.Delays[i] = st.Delays[i].Load()
	}
	return s
}
