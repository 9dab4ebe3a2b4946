package dialog

import (
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Why a leg ended.
const (
	WhyBye       = "bye"       // its party hung up
	WhyCancelled = "cancelled" // the caller gave up
	WhyRejected  = "rejected"  // it was refused, by us or by who was called
	WhyHangUp    = "hang up"   // its owner ended it
	WhyNoAck     = "no ack"    // the ACK of our 2xx did not come
	WhyLost      = "lost"      // its party knows nothing of it, or is silent
	WhyMedia     = "media"     // there was no answer to an offer
	WhyShutdown  = "shutdown"  // this server ends
	WhyTimeout   = "timeout"   // nobody answered in time
	WhyElsewhere = "elsewhere" // somebody else answered
	WhyDuration  = "duration"  // it lasted as long as it may
	WhyReplaced  = "replaced"  // another call has taken its place
)

// allowed are the methods that legs serve.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, PRACK, UPDATE, REFER, NOTIFY"

// supported are the extensions that legs have, with others before them.
func (a *Agent) supported(tags string) string {
	if a.o.Replaces != nil && a.o.Replaces() {
		tags += ", replaces"
	}
	return tags
}

// State is how far a leg is, for its owner.
type State string

// The states of a leg.
const (
	Ringing  State = "ringing"  // of a caller: it was not answered
	Calling  State = "calling"  // of one that was dialled
	Answered State = "answered" // and has not ended
	Ended    State = "ended"
)

// Leg is one end of a call of our own. It belongs to the holder of its lane's token.
type Leg struct {
	// Handle is the owner's own.
	Handle any
	// OnEnd, if not nil, is told once that the leg has ended.
	OnEnd func(l *Leg, why string)

	agent *Agent
	lane  *lane.Lane
	s     state
	// The peer's INVITE that is open has an offer, or ours has.
	inOffer, outOffer bool
	stale             bool // whoever early was from has left

	callID, tag, remoteTag string
	local, remote          string // From and To as this side sends them, with the tags there are
	remoteName             string // the latter without its tag
	contact                string // the user part of our Contact
	ownContact             string // of a caller's leg: the whole Contact
	seq                    uint32 // CSeq: the last number of ours
	peerSeq                int64  // and of the peer's; -1 for none yet (§12.1.2)
	reach                  engine.Reach
	target                 *engine.Target // of one that was dialled: what was called

	in      *engine.Incoming // the peer's INVITE that is open, or whose ACK is awaited
	inSeq   uint32
	inReach *engine.Reach // where its sender will be reached, if it is accepted
	code    int           // what refuses it
	reason  string        // and its phrase; "" for the usual one
	headers []engine.HeaderEdit
	out     *engine.Invitation // ours that is open, or whose 2xx waits for its ACK
	acks    []sentAck
	answer  []byte // what the next ACK carries

	timer    lane.Timer // repeats the 2xx
	interval time.Duration
	deadline lane.Time
	limit    lane.Timer // until a call that was dialled is given up
	patience lane.Timer // until an INVITE of ours within the dialog is, or one that was cancelled
	depth    int        // of steps within steps
	holds    holding
	rel      uint8 // how the caller takes provisional responses
	// takesUpdate: the party takes UPDATE
	takesUpdate bool
	strange     bool     // what answers our INVITE is another dialog
	unsent      bool     // our 2xx cannot be sent
	rang        []string // the tags of early dialogs of our INVITE
	byes        int32    // BYEs that have no answer yet
	sends       int32    // requests of ours but INVITEs that have none

	early  []byte // what a caller was offered before the 2xx, in the dialog that the tag is of
	origin origin
	// The last descriptions. That of this side is as its peer has it: the two share it.
	said, remoteSDP       []byte
	saidBefore            []byte // what holds if our INVITE within the dialog is refused
	why                   string
	refusal               *engine.Response // of our INVITE, while that is told
	hunt                  *hunt            // in which the leg is called, or which it waits for
	bridge                *bridge          // nil: it has no peer
	answers               *Leg             // the caller whose own offer its description answers
	met                   *Leg             // the peer that its description is from
	rare                  *rare            // what few legs have; nil for none
	forwards              int              // Max-Forwards that the first INVITE had
	from, to, displayName string
}

// AcceptOptions of Accept.
type AcceptOptions struct {
	NoTimer bool // no session timer (RFC 4028) is negotiated
	// FlowLost, if not 0, is for how long the one connection that the party is reached on may be
	// gone: then the leg is ended, as WhyLost.
	FlowLost time.Duration
	// Media, if not nil, relays the media of the party and of whoever it talks to.
	Media Media
}

// Accept takes the INVITE of a request as a leg: the request's decision. The leg is ringing until
// its owner answers or refuses it, or its caller gives up. One with Replaces is refused: 481.
func (a *Agent) Accept(r *engine.Request, o AcceptOptions) (*Leg, error) {
	if r.Method() == message.MethodInvite && !r.InDialog() && !r.Decided() && !r.Over() && r.Message().HeaderName("Replaces") != nil {
		_, _ = r.Reply(481, "", nil)
		return nil, ErrReplaces
	}
	return a.accept(r, o)
}

func (a *Agent) accept(r *engine.Request, o AcceptOptions) (*Leg, error) {
	m := r.Message()
	if r.Method() != message.MethodInvite || r.InDialog() {
		return nil, ErrMethod
	}
	if r.Decided() || r.Over() {
		return nil, engine.ErrDecided
	}
	if tags := unsupported(m); tags != "" {
		_, err := r.Reply(420, "", &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Unsupported", Values: []string{tags}}}})
		if err != nil {
			return nil, err
		}
		return nil, &RequireError{tags}
	}
	sdp, ok := descriptionOf(m)
	if !ok {
		_, _ = r.Reply(415, "", &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Accept", Values: []string{sdpType}}}})
		return nil, ErrBody
	}
	if a.Calls() >= a.o.MaxLegs {
		_, _ = r.Reply(503, "", &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Retry-After", Values: []string{"10"}}}})
		return nil, ErrFull
	}
	cs, err := m.CSeq()
	if err != nil {
		return nil, err
	}
	l := a.newLeg(r.Lane())
	l.s = state{phase: ringing, in: inOpen}
	l.callID, l.remoteTag = string(m.CallID()), string(m.FromTag())
	l.to = string(m.RequestURI())
	if !l.named(m) {
		return nil, refuse(r, ErrAddress)
	}
	if l.reach, ok = reachable(r.Reach()); !ok { // §8.1.1.8
		return nil, refuse(r, ErrContact)
	}
	l.peerSeq, l.inSeq, l.inOffer = int64(cs.Number), cs.Number, sdp != nil
	l.remoteSDP = clone(sdp)
	if n, has, err := m.MaxForwards(); err == nil && has {
		l.forwards = n
	} else {
		l.forwards = firstHops
	}
	if u, err := message.ParseURI(m.RequestURI()); err == nil && !strings.ContainsAny(string(u.User), "<>") {
		l.contact = string(u.User)
	}
	l.ownContact = r.OwnContact(l.contact)
	l.losesFlow(o.FlowLost)
	l.relayed(o.Media)
	if o.NoTimer {
		l.more().noTimer = true
	}
	if !l.heardTimer(m) {
		_, _ = r.Reply(422, "", &engine.ReplyOptions{Headers: tooShort()})
		return nil, ErrShort
	}
	l.taken(r)
	if l.in, err = r.Serve(l.cancelled); err != nil {
		return nil, err
	}
	l.heardAllow(m)
	switch {
	case hasTag(m, "Require", "100rel"):
		l.rel = relAlways
	case hasTag(m, "Supported", "100rel"):
		l.rel = relMay
	}
	l.add()
	l.watchFlow()
	l.heardSession(m)
	return l, nil
}

// cancelled is told the CANCEL of the peer's INVITE.
func (l *Leg) cancelled(cancel *message.Message) {
	l.heardReason(cancel)
	l.feed(evCancel)
}

func (a *Agent) newLeg(l *lane.Lane) *Leg {
	return &Leg{agent: a, lane: l, tag: a.newTag(l), origin: a.newOrigin(l)}
}

func (a *Agent) newTag(l *lane.Lane) string { return fmt.Sprintf("%016x", a.eng.Random(l)) }

func (a *Agent) newOrigin(l *lane.Lane) origin {
	return origin{id: a.eng.Random(l) >> 2, version: a.eng.Random(l) >> 34}
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte(nil), b...)
}

func uriIn(value string) string {
	a, err := message.ParseAddress([]byte(value))
	if err != nil {
		return ""
	}
	return string(a.URI)
}

// named takes who calls and who is called from the caller's INVITE.
func (l *Leg) named(m *message.Message) bool {
	name, display, uri, ok := party(m.Header(message.HeaderFrom))
	to, _, _, good := party(m.Header(message.HeaderTo))
	l.from, l.displayName = uri, display
	l.remoteName, l.remote, l.local = name, tagged(name, l.remoteTag), to+";tag="+l.tag
	return ok && good
}

// refuse answers an INVITE whose dialog could not be ended: 400.
func refuse(r *engine.Request, err error) error {
	_, _ = r.Reply(400, "", nil)
	return err
}

// ID names the leg: its own tag.
func (l *Leg) ID() string { return l.tag }

// CallID is that of its messages.
func (l *Leg) CallID() string { return l.callID }

// RemoteTag is the tag of its party; "" while that has none.
func (l *Leg) RemoteTag() string { return l.remoteTag }

// Lane is the lane it belongs to.
func (l *Leg) Lane() *lane.Lane { return l.lane }

// State is how far it is.
func (l *Leg) State() State {
	switch l.s.phase {
	case ringing:
		return Ringing
	case calling:
		return Calling
	case up:
		return Answered
	}
	return Ended
}

// Why is why it ended; "" before.
func (l *Leg) Why() string { return l.why }

// Peer is the leg that it is bridged with; nil for none.
func (l *Leg) Peer() *Leg {
	if l.bridge == nil {
		return nil
	}
	return l.bridge.other(l)
}

// From and To are the URIs that the first INVITE was from, and to.
func (l *Leg) From() string { return l.from }

// To is the URI that was called.
func (l *Leg) To() string { return l.to }

// LocalSDP is the description that this side sent last; nil for none. It must not be changed.
func (l *Leg) LocalSDP() []byte {
	if l.said == nil {
		return nil
	}
	return l.origin.render(l.holds.directed(l.said), l.agent.own)
}

// RemoteSDP is the description that the party sent last; nil for none. It must not be changed.
func (l *Leg) RemoteSDP() []byte { return l.remoteSDP }

// HangUp ends the leg: BYE, in its time; a caller that was not answered gets 480, somebody who was
// not reached yet a CANCEL. reason is the value of a Reason header (RFC 3326), or "". It reports
// false if the leg has ended.
func (l *Leg) HangUp(reason string) bool { return l.hangUp(480, WhyHangUp, reason) }

// End is HangUp with another code for a caller that was not answered.
func (l *Leg) End(code int, reason string) bool { return l.hangUp(code, WhyHangUp, reason) }

func (l *Leg) hangUp(code int, why, reason string) bool {
	if l.s.phase == over {
		return false
	}
	l.code, l.why, l.headers = code, why, nil
	switch {
	case reason != "":
		l.headers = []engine.HeaderEdit{{Name: "Reason", Values: []string{reason}}}
	case l.rare != nil && l.rare.passed != nil && l.s.phase != ringing:
		l.headers = []engine.HeaderEdit{{Name: "Reason", Values: l.rare.passed}}
	}
	if why == WhyShutdown && l.s.phase == ringing { // §21.5.4
		l.headers = append(l.headers, engine.HeaderEdit{Name: "Retry-After", Values: []string{"10"}})
	}
	l.feed(evHangUp)
	return true
}
