package proxy

import (
	"errors"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Response is a response as a router sees it: one that came in on a branch, or one made here when a
// branch had none.
type Response struct {
	// Handle is the router's own.
	Handle any

	msg         message.Message
	from        transport.Peer // where it came from, if from the network
	target      *Target
	cause       string
	fork        *Fork
	branch      *Branch  // nil: of none
	refused     *refusal // nil: it is not
	sent        *asSent  // nil: as it came
	dropped     bool
	early       bool // its branch had a provisional response before, other than 100
	provisional bool // being shown to on_response
}

// Causes of a response that did not come off the wire.
const (
	CauseTimeout     = "timeout"
	CauseUnreachable = "unreachable"
	CauseCancelled   = "cancelled"
	CauseEmpty       = "empty"
	CauseShutdown    = "shutdown"
	CauseFull        = "full"
)

// NewResponse makes a response that came from no wire.
func NewResponse(code int, cause string, target *Target) *Response {
	r := &Response{cause: cause, target: target}
	var line [128]byte
	b := append(line[:0], "SIP/2.0 000 "...)
	b[8], b[9], b[10] = '0'+byte(code/100), '0'+byte(code/10%10), '0'+byte(code%10)
	b = append(append(b, message.ReasonFor(code)...), "\r\n\r\n"...)
	var lim message.Limits
	_ = r.msg.Parse(b, &lim) // a start line of our own making
	r.msg.Detach()
	return r
}

// keepResponse makes a Response of a message that is valid only now.
func keepResponse(m *message.Message, b *Branch) *Response {
	r := &Response{target: b.target.shown(), fork: b.fork, branch: b}
	if b.client != nil {
		r.from = *b.client.To()
	}
	m.CopyTo(&r.msg)
	r.msg.Detach()
	return r
}

// KeepResponse makes a Response of a message that is valid only now, to a request of our own.
func KeepResponse(m *message.Message, t *Target, c *transaction.Client) *Response {
	return keepResponse(m, &Branch{target: t, client: c})
}

// Code is the status code.
func (r *Response) Code() int { return r.msg.Status() }

// Reason is the reason phrase.
func (r *Response) Reason() string { return string(r.msg.ReasonPhrase()) }

// Final reports whether the code is 200 or above.
func (r *Response) Final() bool { return r.msg.Status() >= 200 }

// Message is the response with the edits made so far, for reading only. A response made here has a
// start line and nothing more.
func (r *Response) Message() *message.Message { return &r.msg }

// Target is the target passed to Relay or Fork that the response is from; nil when none was.
func (r *Response) Target() *Target { return r.target }

// Refused reports whether Refuse was called.
func (r *Response) Refused() bool { return r.refused != nil }

// Branch is the branch that it is the answer or the outcome of; nil when there is none.
func (r *Response) Branch() *Branch { return r.branch }

// Source is where the response came from: the address its request was sent to. It is invalid for a
// response made here.
func (r *Response) Source() (netip.AddrPort, transport.Kind) { return r.from.Addr, r.from.Kind }

// Cause is "" for a response from the network, otherwise one of the Cause constants.
func (r *Response) Cause() string { return r.cause }

// Early reports whether a provisional response other than 100 came before it from the same target.
func (r *Response) Early() bool { return r.early }

// Failed reports whether it tells of a failure of where the request was sent, and not of whoever
// was called: see [Failed].
func (r *Response) Failed() bool { return Failed(r.Code(), r.cause, r.early) }

// Failed reports whether an outcome is a failure of the next hop, a gateway: it was unreachable or
// full, did not answer before an 18x (early), or said that it fails (500, 502, 503, 504).
func Failed(code int, cause string, early bool) bool {
	switch cause {
	case CauseUnreachable, CauseFull:
		return true
	case CauseTimeout:
		return !early
	case "":
	default:
		return false
	}
	switch code {
	case 408:
		return !early
	case 500, 502, 503, 504:
		return true
	}
	return false
}

// Dropped reports whether Drop was called.
func (r *Response) Dropped() bool { return r.dropped }

var (
	errDropFinal    = errors.New("only a provisional response can be dropped, and only in on_response")
	errDropReliable = errors.New("a reliable provisional response (RSeq, RFC 3262) cannot be dropped: the callee waits for its PRACK")
)

// Drop keeps a provisional response from going on. It works in OnResponse only; a final response,
// or a reliable provisional one (RFC 3262), can't be dropped.
func (r *Response) Drop() error {
	if r.Final() || !r.provisional {
		return errDropFinal
	}
	if r.msg.Header(message.HeaderRSeq) != nil {
		return errDropReliable
	}
	r.dropped = true
	return nil
}

// SetHeader replaces the header by the values, one field each. Errors: CR, LF or NUL, a header the
// engine owns.
func (r *Response) SetHeader(name string, values ...string) error {
	return SetHeader(&r.msg, name, values...)
}

// AddHeader adds a field, before all of its name when first is set.
func (r *Response) AddHeader(name, value string, first bool) error {
	return AddHeader(&r.msg, name, value, first)
}

// RemoveHeader removes all fields of a name.
func (r *Response) RemoveHeader(name string) error { return RemoveHeader(&r.msg, name) }

// SetBody replaces the body and its type; an empty body removes both.
func (r *Response) SetBody(body []byte, contentType string) error {
	return r.msg.SetBody(body, contentType)
}
