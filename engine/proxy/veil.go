package proxy

// Hiding the sides of a dialog from each other (package veil): the last that is done to what
// leaves. What arrives was revealed before it came here.

import (
	"errors"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/engine/veil"
)

// CauseTooLong is that of a branch whose headers can't be hidden: they are too long.
const CauseTooLong = "too long"

var errHideRoute = errors.New("hide: call record_route first")

// Hide hides the sender of a request that is not within a dialog from whom it goes to, and them
// from the sender; and so for the rest of the dialog, if it begins one.
func (x *Context) Hide(o veil.Options) error {
	if StartsDialog(x.Req.Method()) && !x.recordRoute {
		return errHideRoute
	}
	v := &veil.Veil{Options: o, Hidden: true}
	if was := x.Server.From.Veil; was != nil {
		v.CallID = was.CallID
	}
	x.veil(v)
	return nil
}

// Hides reports whether the sides are hidden from each other.
func (x *Context) Hides() bool { return x.Server.Veil != nil }

// Hidden is how the sides are hidden from each other, nil if they are not.
func (x *Context) Hidden() *veil.Options {
	if v := x.Server.Veil; v != nil && v.Hidden {
		o := v.Options
		return &o
	}
	return nil
}

// veil hides what is sent for the request, and its responses.
func (x *Context) veil(v *veil.Veil) {
	v.Below = 0
	for e := x.Req.Elements(message.HeaderRecordRoute); e.Next(); {
		v.Below++
	}
	x.Server.Veil = v
}

// resume goes on hiding in a dialog whose sides are hidden.
func (x *Context) resume() {
	if v := x.Server.From.Veil; v != nil && v.Hidden {
		own := *v
		x.veil(&own)
	}
}

// place is where a side reaches this server.
func place(l *transport.Local) *veil.Place {
	p := &veil.Place{SentBy: l.SentBy, Secure: l.Kind.Secure()}
	if l.Kind != transport.UDP {
		p.Transport = l.Kind.String()
	}
	return p
}

// disguise hides the other side in m, which is about to leave by a listener.
func (x *Context) disguise(m *message.Message, out *transport.Local) error {
	v := x.Server.Veil
	if v == nil {
		return nil
	}
	_, own := x.core.ours(firstURI(m, message.HeaderRecordRoute))
	if err := x.core.Veil.Request(m, v, place(out), own); err != nil {
		return &BranchError{Code: 513, Cause: CauseTooLong, Err: err}
	}
	return nil
}

// Disguise is how a request of this server's own, in the name of a party of a dialog, hides that
// party from the other one.
type Disguise struct {
	veil.Options
	Routes []string // that lead to the party from here
}

// disguiseOwn hides in m, which has its recipient's Call-ID, the party in whose name it is sent.
func (c *Core) disguiseOwn(m *message.Message, d *Disguise, out *transport.Local) error {
	if d == nil {
		return nil
	}
	for _, r := range d.Routes { // of which a Contact takes its way
		m.AppendLast(message.HeaderRecordRoute, []byte(r))
	}
	v := &veil.Veil{Options: d.Options, Hidden: true, CallID: string(m.CallID())}
	return c.Veil.Request(m, v, place(out), false)
}

// Room is about how many bytes more a request with a disguise has.
func (d *Disguise) Room() (n int) {
	if d == nil {
		return 0
	}
	for _, r := range d.Routes {
		n += 2 * len(r)
	}
	return n + 200
}

// disguiseAnswer hides the other side in a response to the request of s.
func (c *Core) disguiseAnswer(m *message.Message, s *transaction.Server) {
	if s.Veil == nil || s.From.Local == nil {
		return
	}
	c.Veil.Response(m, s.Veil, place(s.From.Local), c.ownAbove(m, s.Veil.Below))
}

// ownAbove reports whether the Record-Route above the last n is ours.
func (c *Core) ownAbove(m *message.Message, n int) bool {
	total, _ := lastElement(m, message.HeaderRecordRoute)
	at := 0
	for e := m.Elements(message.HeaderRecordRoute); e.Next(); at++ {
		if at != total-n {
			continue
		}
		a, err := message.ParseAddress(e.Value)
		if err != nil {
			return false
		}
		_, own := c.ours(a.URI)
		return own
	}
	return false
}

// knownAs is the Call-ID by which those know the dialog that the request went to.
func (x *Context) knownAs(callID []byte) string {
	if id := x.hiddenAs(callID); id != "" {
		return id
	}
	return string(callID)
}

// hiddenAs is knownAs where it is another Call-ID than ours, otherwise "".
func (x *Context) hiddenAs(callID []byte) string {
	if v := x.Server.Veil; v != nil && v.Options.CallID && v.CallID == "" {
		return x.core.Veil.HideCallID(callID)
	}
	return ""
}

// veilRoom is about how many bytes hiding adds to m.
func (x *Context) veilRoom(m *message.Message) int {
	if x.Server.Veil == nil {
		return 0
	}
	n := 0
	for e := m.Elements(message.HeaderVia); e.Next(); {
		n += len(e.Value) / 3
	}
	for e := m.Elements(message.HeaderContact); e.Next(); {
		n += 60 + len(e.Value)*2/3
	}
	for e := m.Elements(message.HeaderRecordRoute); e.Next(); {
		n += 2 * len(e.Value)
	}
	if x.Server.Veil.Options.CallID {
		n += 20 + len(m.CallID())*2/3
	}
	return n + 60
}
