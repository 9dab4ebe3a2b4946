package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

// Changing the messages of a dialog as its first request was changed, and changing the answers
// back.

// Mask is another From, or To, for the far side: a display name and URI as they are in the header,
// without parameters; "" leaves it.
type Mask struct{ From, To string }

var (
	errMaskRoute  = errors.New("mask: call record_route first: otherwise the rest of the dialog would not pass here, and From would change in the middle of it")
	errMaskDialog = errors.New("mask: the first request of a dialog settles From and To; what was masked there stays masked automatically")
	errMaskLate   = errors.New("mask: an ACK or CANCEL keeps the From of its INVITE")
	errStateful   = errors.New("this request cannot be forwarded statelessly: its From, To or CSeq are changed, and must be changed back in the answer; relay it")
)

// MayMask reports whether the request can be masked, by an error that says why not.
func (x *Context) MayMask() error {
	switch method := x.Req.Method(); {
	case method == message.MethodAck || method == message.MethodCancel:
		return errMaskLate
	case x.Req.ToTag() != nil:
		return errMaskDialog
	case StartsDialog(method) && !x.recordRoute:
		return errMaskRoute
	}
	return nil
}

// Check refuses what is not an address, or is too long to be carried in each request.
func (k *Mask) Check() error {
	for _, s := range [...]string{k.From, k.To} {
		if s == "" {
			continue
		}
		if err := checkValue("a mask", s); err != nil {
			return err
		}
		a, err := message.ParseAddress(view(s))
		if err == nil {
			_, err = message.ParseURI(a.URI)
		}
		if err != nil || len(a.Params) > 0 || a.Star || s[len(s)-1] != '>' {
			return fmt.Errorf("mask: %.80q is not an address of the form \"name\" <uri>", s)
		}
	}
	return nil
}

// SetMask masks what is sent from now on. The mask was checked.
func (x *Context) SetMask(k Mask) error {
	if err := x.MayMask(); err != nil {
		return err
	}
	if err := x.maskFits(&k); err != nil {
		return err
	}
	x.seldom().mask = &k
	return nil
}

// Mask masks this branch, instead of the request's mask.
func (b *Branch) Mask(k Mask) error {
	if err := k.Check(); err != nil {
		return err
	}
	x := b.fork.x
	if b.msg == nil {
		return errSent
	}
	if err := x.MayMask(); err != nil {
		return err
	}
	if err := x.maskFits(&k); err != nil {
		return err
	}
	b.alter()
	for _, p := range x.partiesOf(&k) {
		setParty(b.msg, p.id, p.callee)
	}
	return nil
}

// maskFits refuses a mask with which our Record-Route entry would be too long.
func (x *Context) maskFits(k *Mask) error {
	n := 0
	for _, p := range x.partiesOf(k) {
		n += len(p.caller) + len(p.callee)
	}
	if n > longestState/2 {
		return fmt.Errorf("mask: the names have %d bytes together; at most %d fit into every request", n, longestState/2)
	}
	return nil
}

// masked is one party that a mask changes.
type maskedParty struct {
	id message.HeaderID
	party
}

// partiesOf is what a mask changes in the request.
func (x *Context) partiesOf(k *Mask) (list []maskedParty) {
	if k.From != "" {
		list = append(list, maskedParty{message.HeaderFrom, party{partyText(x.Req, message.HeaderFrom), k.From}})
	}
	if k.To != "" {
		list = append(list, maskedParty{message.HeaderTo, party{partyText(x.Req, message.HeaderTo), k.To}})
	}
	return list
}

// partyText is the display name and URI of From or To.
func partyText(m *message.Message, id message.HeaderID) string {
	a := address(m, id)
	if len(a.Display) == 0 {
		return "<" + string(a.URI) + ">"
	}
	return string(bytes.ReplaceAll(a.Display, []byte("\r\n"), nil)) + " <" + string(a.URI) + ">"
}

func address(m *message.Message, id message.HeaderID) (a message.Address) {
	if id == message.HeaderFrom {
		a, _ = m.From()
	} else {
		a, _ = m.To()
	}
	return a
}

// setParty writes From or To with other text before its parameters.
func setParty(m *message.Message, id message.HeaderID, text string) {
	if text == "" {
		return
	}
	a := address(m, id)
	_ = m.Set(id.String(), text+string(a.Params))
}

// translate changes m, a copy of the request, to what its recipient knows of the dialog.
func (x *Context) translate(m *message.Message) {
	if x.rare().mask != nil {
		for _, p := range x.partiesOf(x.rare().mask) {
			setParty(m, p.id, p.callee)
		}
	}
	x.shiftNumbers(m)
	if x.rare().dialog == nil || x.rare().dialog.masked == nil {
		return
	}
	sides := x.rare().dialog.masked
	if x.byCaller() {
		setParty(m, message.HeaderFrom, sides.from.callee)
		setParty(m, message.HeaderTo, sides.to.callee)
		return
	}
	setParty(m, message.HeaderTo, sides.from.caller)
	setParty(m, message.HeaderFrom, sides.to.caller)
}

// byCaller reports whether the request, in a dialog that was changed, comes from the party that
// began it. It is asked several times for each request.
func (x *Context) byCaller() bool {
	if x.sender == senderUnknown {
		x.sender = senderCallee
		if x.rare().dialog.caller == x.core.Signer.callerMark(x.Req.FromTag()) {
			x.sender = senderCaller
		}
	}
	return x.sender == senderCaller
}

// sender is who of a dialog's parties has sent a request.
type sender uint8

const (
	senderUnknown sender = iota // nobody has asked
	senderCaller
	senderCallee
)

// shift is what is added to a CSeq number of the request's sender.
func (x *Context) shift(number uint32) (n uint32) {
	if x.rare().dialog != nil && x.rare().dialog.shift > 0 && x.byCaller() {
		n = x.rare().dialog.shift
	}
	if x.rare().renumber != nil {
		n += x.rare().renumber(number)
	}
	return n + x.core.steps.extra(x.Req.CallID(), x.Req.FromTag(), number)
}

// Renumber has CSeq numbers of the request's sender raised by what f says, where the request goes
// on; nothing was sent yet. Within the dialog requests of this server's own have taken numbers.
func (x *Context) Renumber(f func(number uint32) uint32) { x.seldom().renumber = f }

// shiftNumbers raises the number of CSeq, and that of the INVITE which a PRACK names (RFC 3262
// §7.2).
func (x *Context) shiftNumbers(m *message.Message) {
	if (x.rare().dialog == nil || x.rare().dialog.shift == 0) && x.rare().renumber == nil && len(x.core.steps.known) == 0 {
		return
	}
	cs, err := m.CSeq()
	if err != nil {
		return
	}
	if n := x.shift(cs.Number); n > 0 && cs.Number <= math.MaxInt32-n {
		setCSeq(m, cs.Number+n)
	}
	if cs.Method == message.MethodBye {
		// Not for the other side's: it may cross one of ours.
		x.core.steps.forget(x.Req.CallID(), x.Req.FromTag())
	}
	rack := bytes.Fields(m.Header(message.HeaderRAck))
	if len(rack) != 3 {
		return
	}
	of, err := strconv.ParseUint(string(rack[1]), 10, 31)
	if err != nil {
		return
	}
	if n := x.shift(uint32(of)); n > 0 && of <= math.MaxInt32-uint64(n) {
		_ = m.Set("RAck", fmt.Sprintf("%s %d %s", rack[0], of+uint64(n), rack[2]))
	}
}

// changes reports whether m, about to be sent, differs from the request in what its responses must
// agree with.
func (x *Context) changes(m *message.Message) bool {
	for _, id := range [...]message.HeaderID{message.HeaderFrom, message.HeaderTo, message.HeaderCSeq} {
		if !bytes.Equal(m.Header(id), x.Req.Header(id)) {
			return true
		}
	}
	return false
}
