package transaction

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file does what needs no transaction: requests forwarded (§16.11), requests answered
// (§8.2.7), and the To tag of both kinds of answers.

// Forward sends req without a transaction (§16.11; ACK of a 2xx), pushing our Via with the given
// branch. req is not changed; afterwards, to.Local is the listener that sent it. Errors:
// ErrNoListener, ErrUnreadable for a response, or the transport's.
func (l *Layer) Forward(req *message.Message, to *transport.Peer, branch string) error {
	if !req.IsRequest() {
		return ErrUnreadable
	}
	local := l.wire.Choose(to)
	if local == nil {
		return ErrNoListener
	}
	to.Local = local
	buf := l.writeRequest(req, local, to.Kind, branch)
	err := l.wire.Send(to, buf, nil)
	l.stored.put(buf)
	if err != nil {
		l.count(EventTransportError)
		return fmt.Errorf("transaction: forward: %w", err)
	}
	return nil
}

// ForwardResponse sends res on without a transaction (§16.11). Errors are the transport's.
func (l *Layer) ForwardResponse(res *message.Message, to *transport.Peer) error {
	l.out = res.AppendFrom(l.out[:0], l.options.Origin)
	if err := l.wire.Send(to, l.out, nil); err != nil {
		l.count(EventTransportError)
		return fmt.Errorf("transaction: forward: %w", err)
	}
	return nil
}

// Reply answers a request without a transaction (400 to a malformed one, §8.2.7): the To tag is a
// keyed hash, the same for each retransmission. headers are whole lines; "" means the code's
// default reason. An ACK is never answered. Errors: ErrUnreadable when a response can't be made
// from the request, or the transport's.
func (l *Layer) Reply(a *Arrival, code int, reason string, headers []byte) error {
	m := a.Msg
	if !m.IsRequest() || m.AnyAck() {
		return nil
	}
	if !m.Answerable() {
		return ErrUnreadable
	}
	m.SetReceived(a.Source)
	to := l.replyTo(a)
	var tag [16]byte
	l.out = a.respell(message.AppendResponse(l.out[:0], m, code, reason, string(l.appendTag(tag[:0], m)), l.lines(headers), nil))
	if err := l.wire.Send(&to, l.out, nil); err != nil {
		l.count(EventTransportError)
		return fmt.Errorf("transaction: reply: %w", err)
	}
	return nil
}

// lines are the header lines of a response made here: ours, then the user's. They are in scratch.
func (l *Layer) lines(headers []byte) []byte {
	if len(l.server) == 0 {
		return headers
	}
	if len(headers) == 0 {
		return l.server
	}
	l.key = append(append(l.key[:0], l.server...), headers...)
	return l.key
}

// appendTag appends the To tag of responses made here to m: a hash of what stays the same in a
// retransmission, and in the CANCEL of an INVITE, whose 200 should have the INVITE's tag (§9.2).
// The key makes it unpredictable (§19.3).
func (l *Layer) appendTag(dst []byte, m *message.Message) []byte {
	var number [4]byte
	if cseq, err := m.CSeq(); err == nil {
		number = [4]byte{byte(cseq.Number >> 24), byte(cseq.Number >> 16), byte(cseq.Number >> 8), byte(cseq.Number)}
	}
	var branch []byte
	if via, err := m.TopVia(); err == nil {
		branch = via.Branch()
	}
	return appendHex(dst, l.tags.Sum(m.CallID(), number[:], m.FromTag(), branch))
}

// ownTag reports whether the To tag of an ACK is the one of answers made here to the INVITE it
// belongs to (§8.2.7, §17.1.1.3: the ACK of a non-2xx has the INVITE's topmost Via).
func (l *Layer) ownTag(ack *message.Message) bool {
	var tag [16]byte
	return string(l.appendTag(tag[:0], ack)) == string(ack.ToTag())
}
