package transaction

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/engine/veil"
)

// This file runs server transactions: it creates them, feeds their machine and carries out the
// result of each step.

// Server is a server transaction.
type Server struct {
	// Veil is how the user's responses are hidden from the sender of the request; nil: not at all.
	Veil *veil.Veil
	// Req is the request, with received= and rport= set. Its bytes are its own and nobody writes to
	// them again, unless the user returns it with Layer.Reuse: a holder of the pointer may read it
	// for any length of time. The transaction sets the field to nil when no further response can be
	// made from it (a final one was sent), and at Release. The Req of an ACK is the Arrival's
	// message: that and the Server are valid until User.Request returns.
	Req  *message.Message
	From Arrival // Msg is nil
	// The user's own. A transaction exists for up to 32 s after its answer: set to nil what should
	// not live that long.
	User any

	terms     *terms
	clock     clock
	key       serverKey // in the layer's table
	last      []byte    // what doSendAgain sends, in a buffer of the layer
	tag       string
	rare      *rareServer      // nil while all of it is zero
	flow      transport.FlowID // the connection that responses leave by
	port      uint16           // and where they go otherwise, at the source's address
	answered  int16
	method    message.Method
	state     State
	old       bool // an INVITE whose ACK will be matched as RFC 2543 has it
	Stateless bool // an ACK or an unmatched CANCEL: no states, no table entry
}

// rareServer is what few server transactions have.
type rareServer struct {
	// answerTag is the hash of the To tag of the final response, for the ACK of an RFC 2543 sender
	// (§17.2.3).
	answerTag  uint64
	maddr      netip.Addr // where responses go in place of the source
	serverName string     // of the peer that is connected to if the connection is gone
}

// seldom is s.rare, to be written to.
func (s *Server) seldom() *rareServer {
	if s.rare == nil {
		s.rare = new(rareServer)
	}
	return s.rare
}

// machine is the table of its states.
func (s *Server) machine() *machine {
	if s.method == message.MethodInvite {
		return &inviteServer
	}
	return &nonInviteServer
}

// Layer is the layer the transaction belongs to.
func (s *Server) Layer() *Layer { return s.terms.layer }

// State is the state the transaction is in; Terminated when it is over, and for a stateless one.
func (s *Server) State() State {
	if s.Stateless {
		return Terminated
	}
	return s.state
}

// Method is the request's; it can be read after Req was let go.
func (s *Server) Method() message.Method { return s.method }

// Provisional reports whether a provisional response was sent and no final one: over UDP the client
// no longer retransmits an INVITE, and waits.
func (s *Server) Provisional() bool { return !s.Stateless && s.answered == 0 && len(s.last) > 0 }

// Answered is the code of the final response sent, or 0.
func (s *Server) Answered() int { return int(s.answered) }

// makeServer creates a Server for a request whose received= is set, without entering it anywhere.
// The request is copied: its bytes once, into a buffer of their size.
func (l *Layer) makeServer(a *Arrival) *Server {
	s := new(Server)
	l.fill(s, a)
	s.replyTo(a)
	s.Req = l.takeMessage()
	a.Msg.CopyTo(s.Req)
	s.Req.Detach()
	return s
}

// fill makes s, which is empty, a Server that has no request yet and cannot answer.
func (l *Layer) fill(s *Server, a *Arrival) {
	s.From, s.terms, s.method = *a, l.terms, a.Msg.Method()
	s.From.Msg = nil
}

// newServer makes the server transaction of a request and enters it.
func (l *Layer) newServer(a *Arrival, key serverKey) *Server {
	s := l.makeServer(a)
	s.key, s.old = key, s.method == message.MethodInvite && l.key[0] == keyOld
	l.servers[key] = s
	return s
}

// feed makes a step and carries it out. A response event comes with code and the response in l.out.
// The user is called last, when the state is consistent, because it may do anything. feed returns
// the transport's error if the step sent something.
func (s *Server) feed(e event, res *outgoing) (err error) {
	t := s.machine().step(s.state, e)
	if t.next == start {
		if res != nil {
			return ErrState
		}
		s.terms.layer.count(EventIgnored)
		return nil
	}
	s.state = t.next
	if t.do&doStop != 0 {
		s.clock.stop()
	}
	if t.do&doDrop != 0 {
		s.drop()
	}
	if t.do&doCount != 0 {
		s.terms.layer.count(EventTimeout)
	}
	if res != nil {
		s.note(res)
	}
	err = s.emit(t.do, res)
	s.startTimers(t)
	if err != nil && s.state != Terminated {
		s.terms.layer.count(EventTransportError)
		s.feed(evError, nil) //nolint:errcheck // sends nothing
	}
	if t.do&doPass != 0 {
		s.terms.layer.user.Request(s)
	}
	return err
}

// emit sends what the step requires.
func (s *Server) emit(do action, res *outgoing) error {
	l := s.terms.layer
	switch {
	case do&doSend != 0:
		if do&doKeep != 0 {
			s.last = l.stored.keep(s.last, res.bytes)
		}
		return s.send(res.bytes)
	case do&doTrying != 0:
		if s.Req != nil {
			l.out = s.From.respell(message.AppendResponse(l.out[:0], s.Req, 100, "", "", l.lines(nil), nil))
			s.last = l.stored.keep(s.last, l.out)
		}
		return s.send(s.last)
	case do&doSendAgain != 0 && len(s.last) > 0:
		l.count(EventRetransmissionOut)
		return s.send(s.last)
	}
	return nil
}

func (s *Server) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return s.sendTo(b, (*serverFailed)(s))
}

// startTimers starts the timers of a transition. One of length zero runs out at once; Terminated
// ends the transaction.
func (s *Server) startTimers(t transition) {
	l := s.terms.layer
	now := l.lane.Now()
	reliable := s.From.Kind.Reliable()
	if t.again != none && !reliable { // G: never on a reliable transport (§17.2.1)
		s.clock.start(&s.terms.Timers, t.again, s.state, now)
	}
	if t.end != none {
		d := s.terms.end(t.end, s.method == message.MethodInvite, reliable)
		if d == 0 {
			s.state = s.machine().step(s.state, evTimer+event(t.end)).next
			s.clock.stop()
		} else {
			s.clock.end, s.clock.endOf = now.Add(d), t.end
		}
	}
	if s.state == Terminated {
		s.leave()
		return
	}
	s.clock.arm(l.lane, (*serverClock)(s))
}

// leave takes a terminated transaction out of the layer.
func (s *Server) leave() {
	l := s.terms.layer
	l.lane.StopTimer(&s.clock.entry)
	s.drop()
	if l.servers[s.key] == s {
		delete(l.servers, s.key)
	}
}

// drop lets go of the bytes kept for retransmission.
func (s *Server) drop() {
	s.terms.layer.stored.put(s.last)
	s.last = nil
}

// Forget ends the transaction at once and without an answer, as if the request had not been seen: a
// retransmission is a new request.
func (s *Server) Forget() {
	s.Req = nil
	if s.Stateless || s.state == Terminated {
		return
	}
	s.state = Terminated
	s.leave()
}

// serverClock is the Server as its timer sees it.
type serverClock Server

// Expire makes the step of the timer that ran out.
func (t *serverClock) Expire(*lane.Timer) {
	s := (*Server)(t)
	name := s.clock.due(s.terms.layer.lane.Now())
	if name != none {
		s.feed(evTimer+event(name), nil) //nolint:errcheck // counted in feed; the machine has made its step
	}
	if s.state != Terminated {
		s.clock.arm(s.terms.layer.lane, t)
	}
}

// serverFailed is the Server as the transport sees it.
type serverFailed Server

// SendFailed brings the error to the lane; it comes on any goroutine.
func (f *serverFailed) SendFailed(error) { f.terms.layer.lane.Return((*serverFailure)(f)) }

// serverFailure is an error on its way to the lane.
type serverFailure Server

// Do makes the step of a transport error (§17.2.4); nothing if the transaction ended meanwhile.
// Other servers of the sent-by's name (RFC 3263 §5) are not tried.
func (f *serverFailure) Do(*lane.Lane) {
	s := (*Server)(f)
	if s.state == Terminated {
		return
	}
	s.terms.layer.count(EventTransportError)
	s.feed(evError, nil) //nolint:errcheck // sends nothing
}
