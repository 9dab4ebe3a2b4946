package dialog

import (
	"bytes"
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What Validate finds.
var (
	errNoDialog = errors.New("it is not within a dialog")
	errRoute    = errors.New("its Route does not prove that it belongs to a call of this server's")
	errUnknown  = errors.New("its call is not tracked, or is over")
	errTags     = errors.New("its tags are not those of the call")
	errCSeq     = errors.New("its CSeq is not higher than that of its sender's last request")
	errTarget   = errors.New("its Request-URI is not the Contact of the other party")
)

// Validate reports by an error what is wrong with a request within a dialog: that it does not
// belong to a tracked call, has other tags, an old CSeq number, or another target than the Contact
// of the other party. Retransmissions are absorbed before. Such requests are passed otherwise if
// our Record-Route lets them: the phone of the other party is the one to judge them.
func (d *Dialogs) Validate(r *engine.Request) error {
	m := r.Message()
	if !r.InDialog() {
		return errNoDialog
	}
	if _, ours := r.RouteParams(); !ours {
		return errRoute
	}
	c := d.Of(r)
	if c == nil {
		return errUnknown
	}
	byCaller := r.ByCaller()
	own, other := m.FromTag(), m.ToTag()
	if !byCaller {
		own, other = other, own
	}
	cs, err := m.CSeq()
	if err != nil {
		return errCSeq
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.t.Leg(string(other))
	if l == nil || tagOf(c.t.From) != string(own) {
		return errTags
	}
	last, target := l.FromCaller, l.B.URI
	if !byCaller {
		last, target = l.FromCallee, c.t.A.URI
	}
	switch r.Method() {
	case message.MethodAck:
	case message.MethodCancel:
	default:
		// The witness has noted the number of this one already
		if i := innerOf(r, c); i != nil {
			last = i.before
		}
		if cs.Number <= last {
			return errCSeq
		}
	}
	if !sameURI(m.RequestURI(), []byte(target)) {
		return errTarget
	}
	return nil
}

// innerOf is the witness of a request within a call.
func innerOf(r *engine.Request, c *Call) *inner {
	for _, w := range r.Witnesses() {
		if i, ok := w.(*inner); ok && i.call == c {
			return i
		}
	}
	return nil
}

func sameURI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	u, err := message.ParseURI(a)
	v, err2 := message.ParseURI(b)
	return err == nil && err2 == nil && u.Equal(&v)
}
