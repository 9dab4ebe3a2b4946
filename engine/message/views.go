package message

// This file keeps the typed views of the headers every message has.

import "math"

// CSeq is the CSeq header (§20.16).
type CSeq struct {
	Number uint32 // at most 2^31-1 (§8.1.1.5)
	Method Method // MethodOther for one that is not known; Text has its name
	Text   []byte // the method as written
}

// views are parsed once and kept until their header is edited. have says which are present.
type views struct {
	have uint8
	via  Via
	cseq CSeq
	from Address
	to   Address

	viaErr, cseqErr, fromErr, toErr *Error
}

const (
	haveVia = 1 << iota
	haveCSeq
	haveFrom
	haveTo
)

// forget drops the view of an edited header.
func (v *views) forget(id HeaderID) {
	switch id {
	case HeaderVia:
		v.have &^= haveVia
	case HeaderCSeq:
		v.have &^= haveCSeq
	case HeaderFrom:
		v.have &^= haveFrom
	case HeaderTo:
		v.have &^= haveTo
	}
}

// orNil keeps a nil *Error from becoming an error that is not nil.
func orNil(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}

// TopVia is the topmost Via element. The error is an [*Error].
func (m *Message) TopVia() (Via, error) {
	v := m.topVia()
	return *v, orNil(m.views.viaErr)
}

func (m *Message) topVia() *Via {
	if m.views.have&haveVia == 0 {
		m.views.have |= haveVia
		m.views.via = Via{}
		if i := m.Find(HeaderVia, 0); i < 0 {
			m.views.viaErr = bad("Missing Via")
		} else {
			v := m.Value(i)
			m.views.viaErr = m.views.via.parse(trim(v[:elementEnd(v, 0)]), m.lim.Params)
		}
	}
	return &m.views.via
}

// CSeq is the message's CSeq. The error is an [*Error].
func (m *Message) CSeq() (CSeq, error) {
	if m.views.have&haveCSeq == 0 {
		m.views.have |= haveCSeq
		m.views.cseq, m.views.cseqErr = parseCSeq(m.Header(HeaderCSeq))
	}
	return m.views.cseq, orNil(m.views.cseqErr)
}

// parseCSeq reads 1*DIGIT LWS Method.
func parseCSeq(b []byte) (c CSeq, err *Error) {
	if b == nil {
		return c, bad("Missing CSeq")
	}
	digits := 0
	for digits < len(b) && is(b[digits], charDigit) {
		digits++
	}
	n, ok := decimal(b[:digits], math.MaxInt32)
	if !ok {
		return c, bad("Bad CSeq: number")
	}
	i := skipSpace(b, digits)
	c.Number, c.Text = uint32(n), b[i:]
	c.Method = ParseMethod(c.Text)
	if i == digits || c.Method == MethodOther && (len(c.Text) == 0 || !all(c.Text, charToken)) {
		return c, bad("Bad CSeq: method")
	}
	return c, nil
}

// CallID is the Call-ID, or nil if there is none. Call-IDs compare byte by byte (§20.8).
func (m *Message) CallID() []byte { return m.Header(HeaderCallID) }

// From is the From header. The error is an [*Error].
func (m *Message) From() (Address, error) {
	a := m.fromView()
	return *a, orNil(m.views.fromErr)
}

func (m *Message) fromView() *Address {
	if m.views.have&haveFrom == 0 {
		m.views.have |= haveFrom
		m.views.fromErr = m.parseParty(&m.views.from, HeaderFrom, "Missing From", "Bad From: ")
	}
	return &m.views.from
}

// To is the To header. The error is an [*Error].
func (m *Message) To() (Address, error) {
	a := m.toView()
	return *a, orNil(m.views.toErr)
}

func (m *Message) toView() *Address {
	if m.views.have&haveTo == 0 {
		m.views.have |= haveTo
		m.views.toErr = m.parseParty(&m.views.to, HeaderTo, "Missing To", "Bad To: ")
	}
	return &m.views.to
}

func (m *Message) parseParty(a *Address, id HeaderID, missing, prefix string) *Error {
	*a = Address{}
	v := m.Header(id)
	if v == nil {
		return bad(missing)
	}
	flaw := a.parse(v, m.lim.Params)
	if flaw == "" && a.Star {
		flaw = "'*' is not an address"
	}
	if flaw != "" {
		return bad(prefix + flaw)
	}
	return nil
}

// FromTag is From's tag, or nil if there is none.
func (m *Message) FromTag() []byte { return m.fromView().Tag() }

// ToTag is To's tag, or nil if there is none.
func (m *Message) ToTag() []byte { return m.toView().Tag() }

// MaxForwards is the Max-Forwards header, 0 to 255 (§20.22). ok is false if it is missing or cannot
// be read; in the latter case err, an [*Error], says so.
func (m *Message) MaxForwards() (n int, ok bool, err error) {
	v := m.Header(HeaderMaxForwards)
	if v == nil {
		return 0, false, nil
	}
	d, valid := decimal(v, 255)
	if !valid {
		return 0, false, bad("Bad Max-Forwards")
	}
	return int(d), true, nil
}

// Expires is the Expires header in seconds (§20.19). ok is false if it is missing or cannot be
// read, as is a number above 2^32-1.
func (m *Message) Expires() (seconds uint32, ok bool) {
	n, ok := decimal(m.Header(HeaderExpires), math.MaxUint32)
	if !ok {
		return 0, false
	}
	return uint32(n), true
}
