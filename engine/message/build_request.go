package message

// This file builds requests: those of a transaction layer (ACK, CANCEL) and new ones.

import "strconv"

// defaultMaxForwards is the Max-Forwards of a new request (§8.1.1.6).
const defaultMaxForwards = 70

// AppendAck appends the ACK to the non-2xx final res of the sent INVITE (§17.1.1.3): one Via (the
// sent request's topmost), its Route set, To of the response.
func AppendAck(dst []byte, invite, res *Message) []byte {
	return appendHopRequest(dst, "ACK", invite, res, nil)
}

// AppendCancel appends the CANCEL of the sent INVITE (§9.1), with extra header lines (Reason),
// whole and trusted.
func AppendCancel(dst []byte, invite *Message, headers []byte) []byte {
	return appendHopRequest(dst, "CANCEL", invite, invite, headers)
}

// appendHopRequest appends a request that belongs to the INVITE just sent and goes the same hop:
// Request-URI, topmost Via, Route, From, Call-ID and CSeq number of the INVITE, To of toOf.
func appendHopRequest(dst []byte, method string, invite, toOf *Message, headers []byte) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, invite.RequestURI()...)
	dst = append(dst, " SIP/2.0\r\n"...)
	if i := invite.Find(HeaderVia, 0); i >= 0 {
		v := invite.Value(i)
		dst = appendLine(dst, "Via", trim(v[:elementEnd(v, 0)]))
	}
	for i := range invite.fields {
		if f := &invite.fields[i]; f.id == HeaderRoute {
			dst = appendField(dst, invite, f)
		}
	}
	dst = append(dst, "Max-Forwards: 70\r\n"...)
	dst = appendFirst(dst, invite, HeaderFrom)
	dst = appendFirst(dst, toOf, HeaderTo)
	dst = appendFirst(dst, invite, HeaderCallID)
	c, _ := invite.CSeq()
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(c.Number), 10)
	dst = append(dst, ' ')
	dst = append(dst, method...)
	dst = append(dst, "\r\n"...)
	dst = append(dst, headers...)
	return appendBody(dst, nil)
}

// appendFirst appends the first field with id.
func appendFirst(dst []byte, m *Message, id HeaderID) []byte {
	if i := m.Find(id, 0); i >= 0 {
		return appendField(dst, m, &m.fields[i])
	}
	return dst
}

// appendLine appends a header field; characters that would end the line become SP.
func appendLine[T ~[]byte | ~string](dst []byte, name string, value T) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	if checkValue(value) != nil {
		dst = appendClean(dst, value)
	} else {
		dst = append(dst, value...)
	}
	return append(dst, "\r\n"...)
}

// RequestSpec is what AppendRequest writes. Empty fields are omitted; the caller pushes a Via when
// it sends the request.
type RequestSpec struct {
	Method, URI, From, To, CallID string // From and To whole values, tags included
	CSeq                          uint32 // the number of CSeq, at most 2^31-1 (§8.1.1.5)
	MaxForwards                   int    // 0: 70 (§8.1.1.6)
	// Values of Route, the next hop first (§12.2.1.1)
	Routes  []string
	Headers []byte // whole lines
	// Of Body, "type/subtype"; needed if there is one (§20.15)
	ContentType string
	Body        []byte // Content-Length is written for it, 0 for none
}

// AppendRequest appends a new request. Headers and Body are trusted; in the rest, characters that
// would end a line become SP. CSeq, Max-Forwards and Content-Length are always written.
func AppendRequest(dst []byte, r *RequestSpec) []byte {
	dst = appendClean(dst, r.Method)
	dst = append(dst, ' ')
	dst = appendClean(dst, r.URI)
	dst = append(dst, " SIP/2.0\r\n"...)
	for _, route := range r.Routes {
		dst = appendLine(dst, "Route", route)
	}
	hops := r.MaxForwards
	if hops <= 0 {
		hops = defaultMaxForwards
	}
	dst = append(dst, "Max-Forwards: "...)
	dst = strconv.AppendInt(dst, int64(min(hops, 255)), 10)
	dst = append(dst, "\r\n"...)
	for _, h := range [...]struct{ name, value string }{{"From", r.From}, {"To", r.To}, {"Call-ID", r.CallID}} {
		if h.value != "" {
			dst = appendLine(dst, h.name, h.value)
		}
	}
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(r.CSeq), 10)
	dst = append(dst, ' ')
	dst = appendClean(dst, r.Method)
	dst = append(dst, "\r\n"...)
	if r.ContentType != "" && len(r.Body) > 0 {
		dst = appendLine(dst, "Content-Type", r.ContentType)
	}
	dst = append(dst, r.Headers...)
	return appendBody(dst, r.Body)
}
