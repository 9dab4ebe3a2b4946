// Package plain is what little of SIP those who load servers need: lines by name, as they are
// written.
package plain

import "bytes"

// Lines calls f with each header line of a message, its end included, until f returns false.
func Lines(b []byte, f func(line []byte) bool) {
	for {
		i := bytes.Index(b, []byte("\r\n"))
		if i <= 0 || !f(b[:i+2]) {
			return
		}
		b = b[i+2:]
	}
}

// Value is the first header with a name ("Call-ID: "), or nil if there is none.
func Value(b []byte, name string) (v []byte) {
	Lines(b, func(line []byte) bool {
		if bytes.HasPrefix(line, []byte(name)) {
			v = line[len(name) : len(line)-2]
			return false
		}
		return true
	})
	return v
}

// Answer appends a response to a request: its Via, Record-Route, From, To (with a tag), Call-ID and
// CSeq lines, and more.
func Answer(dst, req []byte, status string, more string) []byte {
	dst = append(append(append(dst, "SIP/2.0 "...), status...), "\r\n"...)
	Lines(req, func(line []byte) bool {
		switch {
		case bytes.HasPrefix(line, []byte("To: ")):
			dst = append(dst, line[:len(line)-2]...)
			if !bytes.Contains(line, []byte(";tag=")) {
				dst = append(dst, ";tag=callee"...)
			}
			dst = append(dst, "\r\n"...)
		case bytes.HasPrefix(line, []byte("Via: ")), bytes.HasPrefix(line, []byte("Record-Route: ")), bytes.HasPrefix(line, []byte("From: ")),
			bytes.HasPrefix(line, []byte("Call-ID: ")), bytes.HasPrefix(line, []byte("CSeq: ")):
			dst = append(dst, line...)
		}
		return true
	})
	return append(append(dst, more...), "\r\n"...)
}
