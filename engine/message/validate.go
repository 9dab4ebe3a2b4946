package message

// This file checks everything a proxy must be able to rely on before it acts on a message.

// Validate checks everything a proxy must be able to rely on before it acts (RFC 3261 §16.3 step 1,
// RFC 4475): the mandatory headers occur once and parse, CSeq's method is the request's, the
// Request-URI parses, SIP version, Content-Length … A response is checked in the same way, without
// what only requests have. Faults found by Parse are faults here too.
//
// The error is an [*Error]: 505 for a version that is not 2.0, 416 for a Request-URI that is not
// sip, sips or tel, 400 otherwise. A header that a proxy only passes on is not inspected, however
// malformed, and may occur any number of times: it "SHOULD be ignored and remain unchanged" (§16.3
// step 1). This applies to Date, Server and Session-Expires, and also to Contact, Record-Route and
// Path. Whoever uses one of these (a registrar its Contacts) checks it then.
func (m *Message) Validate() error { return orNil(m.validate()) }

func (m *Message) validate() *Error {
	if m.err != nil {
		return m.err
	}
	if !equalFold(m.Version(), version20) {
		return &Error{505, "Version Not Supported"}
	}
	if m.IsRequest() {
		if err := m.validateRequestURI(); err != nil {
			return err
		}
	}
	if err := m.validateFields(); err != nil {
		return err
	}
	if err := m.validateParties(); err != nil {
		return err
	}
	c, _ := m.CSeq()
	if m.views.cseqErr != nil {
		return m.views.cseqErr
	}
	if m.IsRequest() && string(c.Text) != string(m.MethodText()) {
		return bad("Bad CSeq: not the request's method")
	}
	return nil
}

// validateRequestURI checks the Request-URI (§16.3 steps 1 and 2).
func (m *Message) validateRequestURI() *Error {
	var u URI
	text := m.RequestURI()
	if flaw := u.parse(text, m.lim.Params); flaw != "" {
		return bad("Bad Request-URI: " + flaw)
	}
	if schemeOf(u.Scheme) == schemeOther {
		return &Error{416, "Unsupported URI Scheme"}
	}
	return nil
}

// idSet is a set of HeaderIDs.
type idSet [2]uint64

func (s *idSet) add(id HeaderID) (had bool) {
	word, bit := &s[id>>6], uint64(1)<<(id&63)
	had = *word&bit != 0
	*word |= bit
	return had
}

func (s *idSet) has(id HeaderID) bool { return s[id>>6]&(uint64(1)<<(id&63)) != 0 }

// validateFields looks at each field once: what occurs twice, what is missing, what does not parse.
func (m *Message) validateFields() *Error {
	var seen idSet
	for i := range m.fields {
		id := m.fields[i].id
		again := seen.add(id)
		if uint64(needed)>>id&1 == 0 {
			continue
		}
		if again && (uint64(neededOnce)>>id&1 != 0 || id == HeaderMaxForwards && m.IsRequest()) {
			return bad("Repeated " + id.String())
		}
		if err := m.validateField(id, m.Value(i), !again); err != nil {
			return err
		}
	}
	for _, id := range [...]HeaderID{HeaderVia, HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq} {
		if !seen.has(id) {
			return bad("Missing " + id.String())
		}
	}
	return nil
}

const (
	// neededOnce has a bit for each header that a proxy acts on, and that would be ambiguous if it
	// occurred twice. Content-Length may be repeated with equal values, which Parse has checked.
	neededOnce = 1<<HeaderFrom | 1<<HeaderTo | 1<<HeaderCallID | 1<<HeaderCSeq
	// needed has a bit for each header that is looked at here.
	needed = neededOnce | 1<<HeaderVia | 1<<HeaderMaxForwards | 1<<HeaderRoute
)

// validateField checks the value of a field. first says that no field with this id precedes it.
func (m *Message) validateField(id HeaderID, v []byte, first bool) *Error {
	switch id {
	case HeaderVia:
		return m.validateVias(v, first)
	case HeaderCallID:
		return validateCallID(v)
	case HeaderMaxForwards:
		if _, ok := decimal(v, 255); !ok && m.IsRequest() {
			return bad("Bad Max-Forwards")
		}
	case HeaderRoute:
		if m.IsRequest() {
			return m.validateRoutes(v)
		}
	}
	return nil
}

// validateVias checks every element of a Via field: responses are routed by them one after the
// other. In a response only the first matters to us, but a list that cannot be split safely matters
// to everybody. top says that v begins with the topmost Via, which is kept for TopVia.
func (m *Message) validateVias(v []byte, top bool) *Error {
	for n := 0; ; n++ {
		if n == m.lim.Elements {
			return bad("Too many elements in Via")
		}
		end := elementEnd(v, 0)
		var twice bool
		var err *Error
		if top && n == 0 {
			twice, err = m.topVia().branch.twice, m.views.viaErr
		} else {
			var via Via
			err = via.parse(trim(v[:end]), m.lim.Params)
			twice = via.branch.twice
		}
		if err != nil {
			return err
		}
		if twice {
			return bad("Bad Via: two branch parameters")
		}
		if end == len(v) {
			return nil
		}
		v = v[end+1:]
	}
}

// validateCallID checks that v is one word: some parser would split it at white space (§25.1
// callid).
func validateCallID(v []byte) *Error {
	if len(v) == 0 {
		return bad("Bad Call-ID: empty")
	}
	for _, c := range v {
		if c <= ' ' || c == 0x7f {
			return bad("Bad Call-ID: white space")
		}
	}
	return nil
}

// validateRoutes checks a list of Route values, by which requests go.
func (m *Message) validateRoutes(v []byte) *Error {
	for n := 0; ; n++ {
		if n == m.lim.Elements {
			return bad("Too many elements in Route")
		}
		end := elementEnd(v, 0)
		var a Address
		flaw := a.parse(trim(v[:end]), m.lim.Params)
		if flaw == "" {
			var u URI
			flaw = u.parse(a.URI, m.lim.Params)
		}
		if flaw != "" {
			return bad("Bad Route: " + flaw)
		}
		if end == len(v) {
			return nil
		}
		v = v[end+1:]
	}
}

// validateParties checks From and To.
func (m *Message) validateParties() *Error {
	from := m.fromView()
	if m.views.fromErr != nil {
		return m.views.fromErr
	}
	if flaw := partyFlaw(from, m.lim.Params); flaw != "" {
		return bad("Bad From: " + flaw)
	}
	to := m.toView()
	if m.views.toErr != nil {
		return m.views.toErr
	}
	if flaw := partyFlaw(to, m.lim.Params); flaw != "" {
		return bad("Bad To: " + flaw)
	}
	return nil
}

// partyFlaw returns what is wrong with an address that names a party of a dialog.
func partyFlaw(a *Address, limit int) string {
	var u URI
	if flaw := u.parse(a.URI, limit); flaw != "" {
		return flaw
	}
	if a.tag.twice {
		return "two tags"
	}
	return ""
}

// Answerable reports whether a request can be answered: as far as its topmost Via could be read, it
// says where the answer goes and which transaction it is for. Even if other headers are missing or
// malformed, the answer contains whatever there is of Via, From, To, Call-ID and CSeq, which may
// tell the sender what it did wrong. Answerable does not say that an answer is wanted: an ACK gets
// none.
func (m *Message) Answerable() bool { return m.IsRequest() && len(m.topVia().Host) > 0 }

// AnyAck reports whether the request is an ACK, or a malformed one that may have been meant as an
// ACK: it is never answered.
func (m *Message) AnyAck() bool {
	if m.Method() == MethodAck {
		return true
	}
	c, err := m.CSeq()
	return err == nil && c.Method == MethodAck
}
