package transaction

import (
	"errors"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/engine/veil"
)

// This file holds what the layer and its user exchange: arrivals, the two interfaces above, errors,
// events.

// Arrival is a received message, with where it came from. Msg is valid until the call it is passed
// to returns.
type Arrival struct {
	Msg     *message.Message
	Kind    transport.Kind   // the transport it came by
	Source  netip.AddrPort   // the address it came from, which responses may go to (§18.2.2)
	Local   *transport.Local // the listener it came in at
	LocalIP netip.Addr       // as [transport.Inbound] has it
	Flow    transport.FlowID // the connection it came on; 0 for UDP
	Veil    *veil.Veil       // what was put back in Msg as it arrived; nil: nothing
}

// respell gives a response, as it is about to be sent, the Call-ID that the sender of the request
// knows.
func (a *Arrival) respell(out []byte) []byte {
	if a.Veil == nil || a.Veil.CallID == "" {
		return out
	}
	return veil.WithCallID(out, a.Veil.CallID)
}

// User gets what starts here: it is the proxy core. All calls are made with the lane's token held.
//
// The layer is in order before each call: the user may answer, send, cancel, forget and lend the
// lane in it.
type User interface {
	// Request delivers a new request. That includes ACKs that belong to no transaction (those of a
	// 2xx) and CANCELs that match no INVITE; s.Stateless marks these: nothing is kept for them, and
	// an ACK is never answered. The user may keep s and answer it later. Retransmissions are
	// absorbed from before this call on.
	Request(s *Server)
	// Cancelled says that the caller cancelled the INVITE s, which has no final response yet. The
	// CANCEL has already been answered 200. cancel is valid until the call returns.
	Cancelled(s *Server, cancel *message.Message)
	// Stray delivers a response that matches no client transaction (§16.7: forwarded statelessly,
	// or dropped). Its topmost Via is ours.
	Stray(a *Arrival)
}

// Owner learns what happens to a client transaction. All calls are made with the lane's token held.
type Owner interface {
	// Response delivers each response: provisionals including 100, the first non-2xx final one,
	// every 2xx to an INVITE. res is valid until the call returns. Its topmost Via is ours.
	Response(c *Client, res *message.Message)
	// Failed ends the transaction without a final response: ErrTimeout (Timer B or F), or the
	// transport's error (§17.1.4).
	Failed(c *Client, err error)
}

// ErrTimeout is why a client transaction failed when nothing final came within 64*T1.
var ErrTimeout = errors.New("transaction: no final response arrived in time")

// ErrState says that a response doesn't fit the state of the server transaction: a final one was
// sent already.
var ErrState = errors.New("transaction: a final response has already been sent")

// ErrProvisional says that the response is a provisional other than 100 to a request other than
// INVITE, which RFC 4320 §4.1 forbids to send.
var ErrProvisional = errors.New("transaction: only an INVITE can be answered with a provisional other than 100")

// ErrReleased says that a response can't be made from a request that was let go.
var ErrReleased = errors.New("transaction: the request has been released")

// ErrNoListener says that no listener can send to the peer.
var ErrNoListener = errors.New("transaction: no listener for the peer's transport and address family")

// ErrMethod says that no transaction can be made for the request: an ACK has none (§17), a CANCEL
// is [Client.Cancel]'s.
var ErrMethod = errors.New("transaction: ACK and CANCEL do not start transactions")

// ErrUnreadable says that a message lacks what a response is made from or routed by.
var ErrUnreadable = errors.New("transaction: the message cannot be answered or routed")

// Event is something a layer counts.
type Event uint8

const (
	EventRetransmissionIn Event = iota // a request or a non-2xx final came again and was absorbed
	// A timer, or a retransmission of the peer, sent something again
	EventRetransmissionOut
	EventTimeout        // Timer B, F or H ran out
	EventTransportError // the transport could not send, at once or later
	EventStray          // a response that matches no client transaction
	// A response whose topmost Via is not ours: dropped (§18.1.2)
	EventForeign
	EventUnmatchedCancel // a CANCEL that matches no INVITE
	EventOverload        // a request answered 503 for Options.Max
	EventUnreadable      // a message without a readable topmost Via or CSeq: dropped
	// A message that means nothing in its transaction's state: dropped
	EventIgnored

	// EventCount is the number of kinds of events.
	EventCount
)

var eventNames = [EventCount]string{
	"retransmission_in", "retransmission_out", "timeout", "transport_error", "stray", "foreign", "unmatched_cancel",
	"overload", "unreadable", "ignored",
}

// String is the event's name as metrics write it: "retransmission_in".
func (e Event) String() string { return eventNames[e] }
