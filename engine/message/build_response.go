package message

// This file builds responses.

import (
	"bytes"
	"strconv"
)

// AppendResponse appends a response to req (§8.2.6): all Via, From, To (with toTag if it has none;
// none for 100), Call-ID, CSeq, and, for 1xx above 100 and 2xx, Record-Route; Timestamp into a 100;
// then headers (whole "Name: value\r\n" lines) and the body with its Content-Length.
//
// An empty reason means [ReasonFor] the code. Control characters of reason and toTag, and of header
// fields of req that Parse found faulty, are written as SP; headers and body are trusted. headers
// must not hold a Content-Length.
func AppendResponse(dst []byte, req *Message, code int, reason string, toTag string, headers []byte, body []byte) []byte {
	if reason == "" {
		reason = ReasonFor(code)
	}
	dst = append(dst, version20...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, ' ')
	dst = appendClean(dst, reason)
	dst = append(dst, "\r\n"...)
	var seen idSet
	for i := range req.fields {
		f := &req.fields[i]
		if seen.add(f.id) && f.id.Single() {
			continue // a bad request may have two; its answer must not
		}
		switch f.id {
		case HeaderVia, HeaderFrom, HeaderCallID, HeaderCSeq:
		case HeaderTo:
			if code > 100 && toTag != "" && !hasTag(req) {
				dst = appendTagged(dst, req, f, toTag)
				continue
			}
		case HeaderRecordRoute:
			if code <= 100 || code >= 300 {
				continue
			}
		case HeaderTimestamp:
			if code != 100 {
				continue
			}
		default:
			continue
		}
		dst = appendField(dst, req, f)
	}
	dst = append(dst, headers...)
	return appendBody(dst, body)
}

// appendBody appends Content-Length, the empty line and the body.
func appendBody(dst, body []byte) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// appendField appends field f of m. One that Parse found faulty is written on one line, control
// characters as SP.
func appendField(dst []byte, m *Message, f *field) []byte {
	if f.flags&fieldFlawed == 0 {
		return append(dst, m.line(f)...)
	}
	dst = append(dst, m.source(f)[f.lo:f.nameEnd]...)
	dst = append(dst, ": "...)
	dst = appendClean(dst, m.value(f))
	return append(dst, "\r\n"...)
}

// appendTagged appends f, a To, with a tag added.
func appendTagged(dst []byte, m *Message, f *field, tag string) []byte {
	start := len(dst)
	dst = appendField(dst, m, f)
	dst = dst[:trimEnd(dst, start, len(dst))]
	dst = append(dst, ";tag="...)
	dst = appendClean(dst, tag)
	return append(dst, "\r\n"...)
}

// hasTag reports whether To has a tag. In a To that cannot be read, which is answered all the same,
// anything that looks like a tag is enough.
func hasTag(m *Message) bool {
	if m.ToTag() != nil {
		return true
	}
	return m.views.toErr != nil && bytes.Contains(m.Header(HeaderTo), []byte(";tag="))
}
