package engine_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/agent"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// What the script and the phones of the random scenarios do.

func (s *scenario) chance(n int) bool { return s.rnd.IntN(n) == 0 }

func (s *scenario) upTo(ms int) time.Duration {
	return time.Duration(s.rnd.IntN(ms)) * time.Millisecond
}

// route forks at random: parallel, serial, waiting or not, with timeouts, with callbacks that wait.
func (s *scenario) route(r *engine.Request) error {
	if s.stateless {
		return s.forward(r)
	}
	if r.Method() == message.MethodRegister {
		return s.registered(r)
	}
	if s.chance(5) {
		_ = r.Sleep(s.upTo(500))
	}
	if r.InDialog() {
		_, err := r.Relay(nil, nil)
		return err
	}
	if !s.chance(4) {
		if err := r.RecordRoute(); err != nil {
			return err
		}
	}
	o := s.options(r)
	if s.chance(2) {
		if s.chance(3) {
			o.OnFailure = s.onFailure(r)
		}
		_, err := r.Relay(s.targets(), o)
		return err
	}
	for range 1 + s.rnd.IntN(2) {
		res, err := r.Fork(s.targets(), o)
		if err != nil || res.Code() < 300 {
			return err
		}
		if s.refuses() && s.chance(6) {
			_, err := r.ReplyWith(res, nil)
			return err
		}
	}
	return nil
}

// forward sends all that belongs together to the same phone, by its Call-ID.
func (s *scenario) forward(r *engine.Request) error {
	id := string(r.Message().CallID())
	if s.id(id)%7 == 0 {
		_ = r.Sleep(s.upTo(500))
	}
	if _, ours := r.RouteParams(); ours {
		_, err := r.Forward(nil)
		return err
	}
	if s.id(id)%3 > 0 { // with or without, but the same for a retransmission
		if err := r.RecordRoute(); err != nil {
			return err
		}
	}
	host := fmt.Sprintf("10.0.2.%d", 1+s.id(id)%callees)
	if s.id(id)%5 == 0 {
		host = agent.NameOf(host)
	}
	_, err := r.Forward(&engine.Target{URI: "sip:u@" + host + ":5060"})
	return err
}

// id is a number made of a Call-ID.
func (s *scenario) id(callID string) int {
	n := int(s.seed)
	for _, c := range callID {
		n = n*31 + int(c)
	}
	return n & 0xffff
}

func (s *scenario) options(r *engine.Request) *engine.ForkOptions {
	o := &engine.ForkOptions{Order: []engine.Order{engine.Parallel, engine.Serial, engine.ByQ}[s.rnd.IntN(3)], FollowRedirects: s.chance(2)}
	if s.chance(2) {
		o.Defaults.RingTimeout = time.Duration(1+s.rnd.IntN(8)) * time.Second
	}
	if s.chance(3) {
		o.Defaults.ReplyTimeout = time.Duration(1+s.rnd.IntN(4)) * time.Second
	}
	if s.chance(4) {
		o.Defaults.Timeout = time.Duration(2+s.rnd.IntN(8)) * time.Second
	}
	if s.chance(4) {
		o.OnBranch = func(b *engine.Branch) error {
			if s.chance(2) {
				_ = r.Sleep(s.upTo(800))
			}
			return b.SetHeader("X-Branch", "yes")
		}
	}
	if s.chance(3) {
		o.OnResponse = func(res *engine.Response) {
			if s.chance(2) {
				_ = r.Sleep(s.upTo(500))
			}
			if !res.Final() && s.chance(4) {
				_ = res.Drop()
			}
			_ = res.SetHeader("X-Seen", "yes")
			switch s.rnd.IntN(30) {
			case 0:
				_ = r.Cancel("SIP;cause=487")
			case 1, 2:
				_, _ = r.Reply(183, "", nil)
			case 3:
				if !r.Decided() {
					_, _ = r.Fork(s.targets(), &engine.ForkOptions{Defaults: engine.Target{Timeout: s.upTo(4000)}})
				}
			}
		}
	}
	if s.chance(4) {
		o.Failover = func(*engine.Response) bool { return !s.chance(3) }
	}
	return o
}

func (s *scenario) onFailure(r *engine.Request) func(*engine.Response) {
	return func(*engine.Response) {
		if s.chance(2) {
			_ = r.Sleep(s.upTo(1000))
		}
		switch s.rnd.IntN(4) {
		case 0:
			_, _ = r.Relay(s.targets(), s.options(r))
		case 1:
			_, _ = r.Relay([]*engine.Target{}, s.options(r))
		case 2:
			_, _ = r.Fork(s.targets(), s.options(r))
		default:
			if s.refuses() {
				_, _ = r.Reply(480, "", nil)
			}
		}
	}
}

// refuses reports whether the script may answer with a failure itself. The 2xx that crosses the
// CANCEL of an expired branch comes after it then, when the transaction of a caller on a stream has
// ended.
func (s *scenario) refuses() bool { return s.caller.Kind == transport.UDP }

func (s *scenario) targets() (ts []*engine.Target) {
	for _, i := range s.rnd.Perm(callees)[:1+s.rnd.IntN(3)] {
		t := s.target(i)
		if s.chance(5) {
			t.Delay = s.upTo(3000)
		}
		for s.chance(6) {
			t.Others = append(t.Others, s.target(s.rnd.IntN(callees)))
		}
		ts = append(ts, t)
	}
	return ts
}

// target is one way to a callee.
func (s *scenario) target(i int) *engine.Target {
	host := calleeHost(i)
	switch s.rnd.IntN(12) {
	case 0, 1:
		host = agent.NameOf(host)
	case 2:
		host = calleeHost(s.rnd.IntN(callees)) + "_" + host + severalSuffix
	case 3:
		host = "10.0.2.99_" + host + severalSuffix // the first is nobody's
	case 4:
		host = nobody
	}
	t := &engine.Target{URI: "sip:u@" + host + ":5060", Q: float64(s.rnd.IntN(3)) / 2}
	if s.chance(4) {
		t.URI += ";transport=tcp"
	}
	if id := s.flows[i]; id != 0 && s.chance(3) {
		t.Flow, t.FlowOnly = id, s.chance(2)
	}
	return t
}

func calleeHost(i int) string { return fmt.Sprintf("10.0.2.%d", i+1) }

// register has some callees open a connection by which they are to be called.
func (s *scenario) register() {
	for i, a := range s.callees {
		if s.stateless || !s.chance(4) {
			continue
		}
		a.Do(func() {
			a.Kind = transport.TCP
			a.Ask("REGISTER", fmt.Sprintf("sip:%d@example.com", i), "10.0.0.1:5060")
		})
	}
	s.w.Run(2 * time.Second)
}

// registered keeps the connection of a callee.
func (s *scenario) registered(r *engine.Request) error {
	i, _, _ := strings.Cut(strings.TrimPrefix(string(r.Message().RequestURI()), "sip:"), "@")
	n, err := strconv.Atoi(i)
	if err != nil {
		return err
	}
	s.flows[n] = r.Flow()
	_, err = r.Reply(200, "", nil)
	return err
}

// silence is longer than anybody waits.
const silence = 10 * time.Minute

// callee is a phone that rings, answers once or twice, refuses, redirects, or says nothing.
func (s *scenario) callee(i int) *agent.Agent {
	a := agent.New(s.w, transport.UDP, fmt.Sprintf("10.0.2.%d:5060", i+1))
	a.Named = s.chance(3)
	inside := s.inDialog(a)
	a.OnRequest = func(q *transaction.Server) {
		switch {
		case q.Req.ToTag() != nil:
			inside(q)
		case q.Req.Method() == message.MethodInvite:
			s.invited(a, q)
		case s.chance(8): // says nothing
			a.After(silence, q.Forget)
		default:
			code := []int{200, 200, 202, 404, 503, 600}[s.rnd.IntN(6)]
			a.After(s.upTo(4000), func() { _ = q.Reply(code, "", nil, nil) })
		}
	}
	a.OnDialog = func(d *agent.Dialog) {
		s.dialogs = append(s.dialogs, d)
		s.chat(a, d)
	}
	return a
}

func (s *scenario) invited(a *agent.Agent, q *transaction.Server) {
	mood := s.rnd.IntN(12)
	if mood < 2 && s.stateless {
		mood = 2 // no timer C would end it
	}
	if mood == 0 {
		a.After(silence, q.Forget) // dead
		return
	}
	r := &ring{a: a, id: string(q.Req.CallID())}
	s.rings = append(s.rings, r)
	if mood < 10 {
		_ = q.Reply(180, "", nil, nil)
		r.heard = s.w.Elapsed()
	}
	ended := func() { r.ended = s.w.Elapsed() }
	a.OnCancel = func(q *transaction.Server) {
		for _, r := range s.rings {
			if r.a == a && r.id == string(q.Req.CallID()) && r.ended == 0 {
				r.ended = s.w.Elapsed()
			}
		}
		_ = q.Reply(487, "", nil, nil)
	}
	a.After(s.upTo(6000), func() {
		if q.Answered() != 0 || mood == 1 { // cancelled, or rings for ever
			return
		}
		lost := func() {
			if !s.left[a] && !s.broken {
				s.lost++
			}
		}
		ended()
		switch {
		case mood < 5:
			a.Answer(q, lost)
		case mood == 5:
			a.AnswerTwice(q, s.upTo(1000), lost)
		case mood == 6:
			_ = q.Reply(302, "", []byte(fmt.Sprintf("Contact: <sip:u@10.0.2.%d:5060>, <mailto:a@b>\r\n", 1+s.rnd.IntN(callees))), nil)
		default:
			_ = q.Reply([]int{486, 480, 603, 503, 404, 401}[s.rnd.IntN(6)], "", nil, nil)
		}
	})
}

// inDialog answers requests within a dialog.
func (s *scenario) inDialog(a *agent.Agent) func(q *transaction.Server) {
	return func(q *transaction.Server) {
		switch {
		case q.Req.Method() != message.MethodInvite:
			_ = q.Reply(200, "", nil, nil)
		case s.chance(3):
			_ = q.Reply(491, "", nil, nil)
		default:
			a.Answer(q, nil)
		}
	}
}

// chat sends requests within a dialog and ends it.
func (s *scenario) chat(a *agent.Agent, d *agent.Dialog) {
	for range s.rnd.IntN(3) {
		method := []string{"INFO", "UPDATE", "INVITE"}[s.rnd.IntN(3)]
		a.After(s.upTo(4000), func() {
			if d.Bye == 0 {
				d.Send(method, nil)
			}
		})
	}
	if s.chance(2) {
		a.After(s.upTo(5000), d.Hangup)
	}
}

func (s *scenario) call() {
	headers := ""
	if s.chance(4) && !s.stateless { // too large for UDP
		headers = "Subject: " + strings.Repeat("x", 1300) + "\r\n"
	}
	c := s.caller.Invite("sip:bob@example.com", "10.0.0.1:5060", headers)
	s.calls = append(s.calls, c)
	c.OnResponse = func(code int, m *message.Message) {
		if code/100 == 2 {
			d := c.Dialogs[string(m.ToTag())]
			s.chat(s.caller, d)
			s.caller.After(5*time.Second, d.Hangup)
		}
	}
	if s.chance(3) {
		s.caller.After(s.upTo(7000), func() {
			if len(c.Finals) == 0 {
				c.Cancel()
			}
		})
	}
}

func (s *scenario) ask() {
	if s.chance(2) {
		s.asked = append(s.asked, s.caller.Ask([]string{"MESSAGE", "OPTIONS", "SUBSCRIBE"}[s.rnd.IntN(3)], "sip:bob@example.com", "10.0.0.1:5060"))
	}
}
