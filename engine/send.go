package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Requests of our own (§8.1): OPTIONS, NOTIFY, MESSAGE … from a script.

// SendSpec is a request to send.
type SendSpec struct {
	Method, URI string  // URI may be empty when Target has one
	Target      *Target // the destination, and what to change; may be nil
	// URIs or whole header values; default: From a local domain's "sip:", To the URI. A From with a
	// tag, of a dialog, keeps it
	From, To    string
	Headers     []HeaderEdit  // beside those a request has of itself
	Body        []byte        // nil for none
	ContentType string        // of the Body
	Timeout     time.Duration // default 32 s
	CallID      string        // "": a new one. REGISTERs for one address share one (§10.2.4)
	KnownAs     string        // a Call-ID that the recipient knows it by ([Reach]); "": CallID
	// 0: 1; CSeqZero: 0. Answering a challenge increments it; the response has the value
	CSeq uint32
	// NextCSeq, if not nil, says the number of the request that answers a challenge, on the lane of
	// the Call-ID: in a dialog others may have been sent meanwhile (§12.2.1.1)
	NextCSeq    func() uint32
	MaxForwards int // 0: 70
	// Disguise hides the party of a dialog in whose name the request is sent, as [Request.Hide]
	// does; nil: it is not hidden
	Disguise *Disguise
	// NameContact: it gets a Contact with this user part, which names the listener it leaves from
	NameContact bool
	ContactUser string // with NameContact; "": none
}

// Disguise is how a request of this server's own, in the name of a party of a dialog, hides that
// party from the other one.
type Disguise = proxy.Disguise

// CSeqZero is the number 0 as SendSpec.CSeq; it is not a number that a message can have (§8.1.1.5).
const CSeqZero = 1 << 31

// Send sends a request of our own and waits for its final response; l is the lane whose token the
// caller holds (any lane of this engine, including Background), and is lent in the meantime.
// INVITE, ACK and CANCEL are a *MisuseError: they need a dialog of their own. An error means that
// no final response arrived: no address, no answer in time.
func (e *Engine) Send(l *lane.Lane, s *SendSpec) (*Response, error) {
	o, home, err := e.outgoing(s, false)
	if err != nil {
		return nil, err
	}
	if home.lane == l {
		o.waiter = lane.NewWaiter()
		o.start(home)
		l.Park(o.waiter)
		return o.res, o.err
	}
	done := make(chan struct{})
	o.done = done
	if !o.begin(home) {
		return nil, errors.New("send: the server is overloaded")
	}
	if m := e.config.Meter; m != nil {
		l.Await(func() { m.Add(-1); <-done /* the sender added one */ })
	} else {
		l.Await(func() { <-done })
	}
	return o.res, o.err
}

// SendAsync is Send without the wait: then is called once, with what Send would return, on the lane
// of the Call-ID. If the error is not nil, nothing was sent, and then is not called.
func (e *Engine) SendAsync(s *SendSpec, then func(*Response, error)) error {
	o, home, err := e.outgoing(s, false)
	if err != nil {
		return err
	}
	o.then = then
	if !o.begin(home) {
		return errors.New("send: the server is overloaded")
	}
	return nil
}

// begin has the request start on its lane; false: that is full. A BYE is queued all the same, or
// its party would never hear that a call is over: there are no more of them than calls, which were
// admitted before.
func (o *outgoing) begin(home *unit) bool {
	start := lane.Func(func(*lane.Lane) { o.start(home) })
	if o.bye {
		return home.lane.Return(start)
	}
	return home.lane.Post(start)
}

// ErrNoAnswer is the error of a request that got no final response in time.
var ErrNoAnswer = errors.New("send: no final response arrived in time")

// outgoing makes the request of s, and finds the lane it belongs to. inDialog: it may be an INVITE.
func (e *Engine) outgoing(s *SendSpec, inDialog bool) (*outgoing, *unit, error) {
	callID := s.CallID
	if callID == "" {
		callID = fmt.Sprintf("%016x%016x", e.units[0].randomAny(), e.units[0].randomAny())
	}
	text, to, err := e.compose(s, callID, inDialog)
	if err != nil {
		return nil, nil, err
	}
	o := &outgoing{e: e, to: to, timeout: s.Timeout, target: s.Target, knownAs: s.KnownAs, nextCSeq: s.NextCSeq, disguise: s.Disguise, bye: s.Method == "BYE", named: s.NameContact, contact: s.ContactUser}
	if s.Target == nil {
		o.target = &Target{URI: s.URI}
	}
	o.text = text
	return o, e.unitOf(text, callID), nil
}

// unitOf is that of the lane of a request of ours, whose responses come there.
func (e *Engine) unitOf(text []byte, callID string) *unit {
	var m message.Message
	if e.homes.n.Load() == 0 || m.Parse(text, &e.config.Limits) != nil {
		return e.units[e.laneIndex([]byte(callID))]
	}
	return e.units[e.ownIndex([]byte(callID), m.FromTag(), m.ToTag())]
}

// compose writes the request.
func (e *Engine) compose(s *SendSpec, callID string, inDialog bool) (text []byte, to string, err error) {
	method := message.ParseMethod([]byte(s.Method))
	if method == message.MethodInvite && !inDialog || method == message.MethodAck || method == message.MethodCancel || s.Method == "" {
		return nil, "", misuse("send: a method other than INVITE, ACK and CANCEL is wanted, not %q", s.Method)
	}
	if !message.IsToken([]byte(s.Method)) {
		return nil, "", misuse("send: %.80q is not a method: one is a token, such as OPTIONS", s.Method)
	}
	uri := s.URI
	if uri == "" && s.Target != nil {
		uri = s.Target.URI
	}
	if _, err := message.ParseURI([]byte(uri)); err != nil {
		return nil, "", misuse("send: bad uri %.80q: %v", uri, err)
	}
	if strings.ContainsAny(s.CallID+s.KnownAs, " \t\r\n\x00") {
		return nil, "", misuse("send: bad Call-ID %.80q", s.CallID)
	}
	if s.Target != nil {
		if err := s.Target.Check(); err != nil {
			return nil, "", asMisuse(err)
		}
	}
	edits := s.Headers
	if s.ContentType != "" {
		edits = append(edits[:len(edits):len(edits)], HeaderEdit{Name: "Content-Type", Values: []string{s.ContentType}})
	}
	if err := proxy.CheckEdits(edits); err != nil {
		return nil, "", asMisuse(err)
	}
	from, toValue := s.From, s.To
	if from == "" {
		host := "anonymous.invalid"
		if d := e.domains.List(); len(d) > 0 {
			host = d[0]
		}
		from = "sip:" + host
	}
	if toValue == "" {
		toValue = uri
	}
	if from, err = nameAddr(from); err != nil {
		return nil, "", err
	}
	if toValue, err = nameAddr(toValue); err != nil {
		return nil, "", err
	}
	if a, err := message.ParseAddress([]byte(from)); err == nil && a.Tag() == nil {
		from += fmt.Sprintf(";tag=%016x", e.units[0].randomAny())
	}
	text = message.AppendRequest(make([]byte, 0, 512+len(s.Body)), &message.RequestSpec{Method: s.Method, URI: uri, From: from, To: toValue, CallID: callID, CSeq: max(s.CSeq, 1) % CSeqZero,
		MaxForwards: s.MaxForwards, Headers: proxy.AppendLines(nil, s.Headers), ContentType: s.ContentType, Body: s.Body})
	return text, uri, nil
}

// nameAddr makes a header value from a URI; one that already is a header value stays as it is.
func nameAddr(s string) (string, error) {
	if strings.ContainsAny(s, "\r\n\x00") {
		return "", misuse("send: a line break in an address")
	}
	if !strings.ContainsRune(s, '<') {
		s = "<" + s + ">"
	}
	if _, err := message.ParseAddress([]byte(s)); err != nil {
		return "", misuse("send: bad address %.80q: %v", s, err)
	}
	return s, nil
}

// outgoing is one request of our own on its way. It belongs to the lane of its Call-ID.
type outgoing struct {
	e        *Engine
	text     []byte
	to       string
	target   *Target
	knownAs  string
	disguise *Disguise
	nextCSeq func() uint32
	timeout  time.Duration

	unit    *unit
	msg     message.Message // what is sent
	answers proxy.Answers   // to challenges
	client  *transaction.Client
	timer   lane.Timer
	peers   []transport.Peer
	ended   bool
	bye     bool          // it is a BYE
	given   bool          // it was cancelled: it is sent to nobody again
	invite  *Reinvitation // of an INVITE
	calls   *Invitation   // of one that a user agent of this server sends
	contact string        // the user part of a Contact that is to be written
	named   bool          // it is

	res    *Response
	err    error
	waiter *lane.Waiter  // who waits, on the same lane
	done   chan struct{} // or on another
	then   func(*Response, error)
}

// start finds the destination of the request.
func (o *outgoing) start(u *unit) {
	o.unit = u
	d := o.timeout
	if d <= 0 {
		d = 32 * time.Second
	}
	if o.calls == nil {
		u.lane.After(d, &o.timer, o)
	}
	err := o.msg.Parse(o.text, &o.e.config.Limits)
	if err == nil && o.knownAs != "" {
		err = o.msg.Set("Call-ID", o.knownAs)
	}
	if err == nil {
		err = u.core.ComposeOwn(&o.msg, o.target)
	}
	if err != nil {
		o.end(nil, err)
		return
	}
	u.core.Locate(o.target, o.to, func(peers []transport.Peer, err error) {
		if o.ended { // nothing is sent after it was reported as failed
			return
		}
		if err == nil && len(peers) == 0 {
			err = errors.New("the name has no address")
		}
		if err != nil {
			o.end(nil, err)
			return
		}
		o.peers = o.streamsFirst(peers)
		o.next(nil)
	})
}

// ownVia is approximately what our Via adds to a request.
const ownVia = 110

// streamsFirst puts TCP before each UDP address if the request is larger than a datagram should be
// (§18.1.1), and nothing says how its receiver is reached.
func (o *outgoing) streamsFirst(peers []transport.Peer) []transport.Peer {
	limit := o.e.config.UDPLimit
	if t := o.target; limit <= 0 || o.msg.Size()+ownVia+o.disguise.Room() <= limit || t.Flow != 0 || t.Received != "" || t.FromSocket != "" && !t.FromHome {
		return peers
	}
	var list []transport.Peer
	for _, p := range peers {
		tcp := transport.Peer{Kind: transport.TCP, Addr: p.Addr}
		if _, err := o.unit.core.Socket(&tcp, o.target); p.Kind == transport.UDP && err == nil && (!o.target.FromHome || tcp.Local != nil) {
			list = append(list, tcp)
		}
		list = append(list, p)
	}
	return list
}

// next sends to the next address.
func (o *outgoing) next(err error) {
	for len(o.peers) > 0 && !o.given {
		p := o.peers[0]
		o.peers = o.peers[1:]
		if o.named {
			o.nameContact(&p)
		}
		if o.client, err = o.unit.core.SendOwn(&o.msg, &p, o.target, o.disguise, o); err == nil {
			return
		}
	}
	o.end(nil, err)
}

// Response handles what came back. A challenge is answered where it came from, if the target has
// credentials.
func (o *outgoing) Response(c *transaction.Client, res *message.Message) {
	if o.invite != nil && c == o.client && res.Status()/100 == 2 {
		o.invite.accepted(res)
		return
	}
	if o.calls != nil && (o.ended || res.Status() < 300) {
		o.calls.response(c, res)
		return
	}
	if o.ended || c != o.client || res.Status() < 200 {
		return
	}
	o.unit.core.Disbelieve(res, c.To())
	if o.given { // §9.1: whatever it is, it ends the request
		o.end(proxy.KeepResponse(res, o.target, c), nil)
		return
	}
	if cr := o.target.Credentials; cr != nil && o.answers.Answer(&o.msg, res, cr, o.unit.core.Random) {
		if o.nextCSeq != nil {
			_ = o.msg.Set("CSeq", strconv.FormatUint(uint64(o.nextCSeq()), 10)+" "+string(o.msg.MethodText()))
		}
		o.peers = append([]transport.Peer{*c.To()}, o.peers...)
		o.next(nil)
		return
	}
	if res.Status() == 503 { // RFC 3263 §4.3: a failure of that server, by whatever transport
		for len(o.peers) > 0 && o.peers[0].Addr == c.To().Addr {
			o.peers = o.peers[1:]
		}
		if len(o.peers) > 0 {
			o.next(nil)
			return
		}
	}
	o.end(proxy.KeepResponse(res, o.target, c), nil)
}

// Failed tries the next address.
func (o *outgoing) Failed(c *transaction.Client, err error) {
	if !o.ended && c == o.client {
		o.next(err)
	}
}

// Expire gives up.
func (o *outgoing) Expire(*lane.Timer) {
	switch {
	case o.client == nil:
	case o.invite != nil: // a 2xx may come all the same
		o.client.Cancel(nil)
	default:
		o.client.Abandon()
		o.client.Quiet()
	}
	o.end(nil, ErrNoAnswer)
}

func (o *outgoing) end(res *Response, err error) {
	if o.ended {
		return
	}
	o.ended = true
	o.unit.lane.StopTimer(&o.timer)
	o.res, o.err = res, err
	switch {
	case o.calls != nil:
		o.calls.refused(res, err)
		return
	case o.then != nil:
		o.then(res, err)
		return
	case o.waiter != nil:
		o.unit.lane.Wake(o.waiter)
		return
	}
	if m := o.e.config.Meter; m != nil {
		m.Add(1)
	}
	close(o.done)
}
