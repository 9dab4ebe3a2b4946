package transaction

import (
	"errors"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Timers are the base values of §17 (Table 4). The zero value of a field means its default; a transaction keeps the values it began with.
type Timers struct {
	T1     time.Duration // RTT estimate, default 500 ms
	T2     time.Duration // longest retransmission interval, default 4 s
	T4     time.Duration // how long a message stays in the network, default 5 s
	D      time.Duration // wait for retransmitted non-2xx finals over UDP, default 32 s, at least that
	Trying time.Duration // an INVITE unanswered for this long is answered 100, default 200 ms (§17.2.1)
}

// State of a transaction, of any of the four machines (Figures 5–8, RFC 6026 §7).
type State uint8

const (
	Calling State = iota + 1 // INVITE client
	Trying                   // non-INVITE
	Proceeding
	Completed
	Confirmed // INVITE server
	Accepted  // INVITE, a 2xx was seen (RFC 6026)
	Terminated
)

// Arrival is a message that came in, with where it came from. Msg is valid until the call it is passed to returns.
type Arrival struct {
	Msg    *message.Message
	Kind   transport.Kind
	Source netip.AddrPort
	Local  *transport.Local
	Flow   transport.FlowID
}

// User is who gets what starts here: the proxy core. All calls come with the lane's token.
type User interface {
	// Request brings a new request. ACKs that belong to no transaction (those of a 2xx) and CANCELs that match no INVITE come too;
	// s.Stateless tells these: nothing is kept for them, and an ACK is never answered.
	// The user may keep s and answer it later. Retransmissions are absorbed from before this call on.
	Request(s *Server)
	// Cancelled tells that the caller cancelled the INVITE s, which has no final response yet. The CANCEL was answered 200 already.
	Cancelled(s *Server, cancel *message.Message)
	// Stray brings a response that matches no client transaction (§16.7: forwarded statelessly, or dropped). Its topmost Via is ours.
	Stray(a *Arrival)
}

// Owner is told what happens to a client transaction. All calls come with the lane's token.
type Owner interface {
	// Response brings each response: provisionals with 100, the first non-2xx final, every 2xx to an INVITE. res is valid until the call returns.
	Response(c *Client, res *message.Message)
	// Failed ends the transaction without a final response: ErrTimeout (Timer B or F), or the transport's error (§17.1.4).
	Failed(c *Client, err error)
}

// ErrTimeout is why a client transaction failed when nothing final came within 64*T1.
var ErrTimeout = errors.New("transaction: no final response in time")

// ErrState says that a response doesn't fit the state of the server transaction: a final one was sent already.
var ErrState = errors.New("transaction: a final response was sent already")

// Options of a Layer.
type Options struct {
	Timers       Timers
	Max          int              // transactions in the layer, default 200000; beyond it a new request is answered 503 statelessly
	Random       func() uint64    // unpredictable numbers for branches and tags; required
	ServerHeader string           // Server: of responses made here, "" for none
	Counter      func(Event, int) // told what happened, for metrics; may be nil
}

// Event is something a layer counts.
type Event uint8

// Layer is the transaction layer of one lane.
type Layer struct{}

func NewLayer(l *lane.Lane, w transport.Wire, u User, o Options) *Layer { panic("skeleton") }

// Receive takes a message from the transport. a.Msg was parsed and validated (§16.3 step 1) by the caller.
func (l *Layer) Receive(a *Arrival) { panic("skeleton") }

// Send starts a client transaction (§17.1): pushes our Via onto req, with a new branch "z9hG4bK" + random + suffix, and sends it.
// req is written out at once and not kept. A transport error found at once is returned, and owner is not called.
func (l *Layer) Send(req *message.Message, to *transport.Peer, suffix string, owner Owner) (*Client, error) {
	panic("skeleton")
}

// Forward sends req without a transaction (§16.11; ACK of a 2xx), pushing our Via with the branch given.
func (l *Layer) Forward(req *message.Message, to *transport.Peer, branch string) error {
	panic("skeleton")
}

// Reply answers a request without a transaction (400 to a malformed one, §8.2.7): the To tag is a keyed hash, the same for each retransmission.
func (l *Layer) Reply(a *Arrival, code int, reason string, headers []byte) error { panic("skeleton") }

// RouteResponse is where a response with its topmost Via removed goes: by the Via that is now on top (§18.2.2 without the arrival of its request; stateless forwarding).
func RouteResponse(res *message.Message) (transport.Peer, error) { panic("skeleton") }

// Counts are how many transactions of each kind stand.
func (l *Layer) Counts() (servers, clients int) { panic("skeleton") }

// Server is a server transaction.
type Server struct {
	Req       message.Message // the request, its bytes owned by the transaction until Release; received= and rport= are set
	From      Arrival         // Msg is nil
	Stateless bool            // an ACK or an unmatched CANCEL: no machine, no table entry
	User      any             // the user's own
	ReplyTo   transport.Peer  // §18.2.2
}

func (s *Server) Layer() *Layer { panic("skeleton") }
func (s *Server) State() State  { panic("skeleton") }

// ToTag is the tag of responses made by this element for the request, made at first use.
func (s *Server) ToTag() string { panic("skeleton") }

// Respond sends res, written out with its edits, as the transaction's state allows: ErrState after a final one, except a 2xx after a 2xx (INVITE, RFC 6026).
func (s *Server) Respond(res *message.Message) error { panic("skeleton") }

// Reply makes a response from the request (message.AppendResponse, our To tag) and sends it as Respond does. headers are whole lines.
func (s *Server) Reply(code int, reason string, headers []byte, body []byte) error { panic("skeleton") }

// Answered is the code of the final response sent, or 0.
func (s *Server) Answered() int { panic("skeleton") }

// Forget ends the transaction at once and without an answer, as if the request had not been seen: what comes again is new.
func (s *Server) Forget() { panic("skeleton") }

// Release lets go of the request: the user needs it no more. The transaction does so by itself when no response can follow that is made from it.
func (s *Server) Release() { panic("skeleton") }

// Client is a client transaction.
type Client struct{}

func (c *Client) State() State           { panic("skeleton") }
func (c *Client) Method() message.Method { panic("skeleton") }
func (c *Client) Branch() string         { panic("skeleton") }
func (c *Client) To() *transport.Peer    { panic("skeleton") }

// Cancel cancels an INVITE (§9.1): the CANCEL waits for the first provisional, bears the INVITE's branch, Route and CSeq number, and runs as its
// own transaction to the same peer. headers are whole lines (Reason: …). When no final response follows within 64*T1, the owner is told ErrTimeout.
// On a transaction with a final response, or another method, it does nothing.
func (c *Client) Cancel(headers []byte) { panic("skeleton") }

// Abandon forgets the owner: what still comes is handled by the machine (ACKs of non-2xx) and told to nobody. A 2xx becomes a Stray.
func (c *Client) Abandon() { panic("skeleton") }
