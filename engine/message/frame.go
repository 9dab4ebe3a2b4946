package message

// This file finds where a message in a stream ends.

import "bytes"

// Frame finds the first message in the stream bytes b (§18.3, RFC 3261 §7.5 leading CRLFs are the caller's business:
// see SkipCRLF). It returns the message's whole length, or 0 when more bytes are needed. It never asks for more than
// lim.Message bytes: beyond that, and for a missing or unreadable Content-Length on a stream, it returns an error,
// after which the connection can't be kept in step. scanned is a cursor the caller keeps between calls for the same
// message (0 at its start), so that a message arriving byte by byte is not searched from its start again each time; its
// values are Frame's own.
//
// A line that ends with a lone LF is an error here as it is in Parse: a header field that only one side sees would move
// the message's end. The error's Status is the answer the request would have got.
func Frame(b []byte, lim *Limits, scanned *int) (n int, err error) {
	l := lim.resolved()
	if *scanned < 0 {
		// The head is read and the length known: what is missing is body.
		if n = -*scanned; n > len(b) {
			return 0, nil
		}
		*scanned = 0
		return n, nil
	}
	from := min(*scanned, len(b))
	blank := bytes.Index(b[from:], crlfcrlf[:])
	if blank < 0 {
		if len(b) >= l.Message {
			return 0, &Error{513, "Message Too Large"}
		}
		*scanned = max(len(b)-len(crlfcrlf)+1, 0)
		return 0, nil
	}
	head := from + blank + len(crlfcrlf)
	length, e := frameLength(b[:head-2])
	if e != nil {
		return 0, e
	}
	if length > uint64(l.Body) {
		return 0, &Error{413, "Request Entity Too Large"}
	}
	n = head + int(length)
	if n > l.Message {
		return 0, &Error{513, "Message Too Large"}
	}
	if n > len(b) {
		*scanned = -n
		return 0, nil
	}
	*scanned = 0
	return n, nil
}

// crlfcrlf ends the header fields. It is never written.
var crlfcrlf = [4]byte{'\r', '\n', '\r', '\n'}

// frameLength reads Content-Length from the lines of head, which ends with CRLF.
func frameLength(head []byte) (uint64, *Error) {
	var length contentLength
	for i := bytes.IndexByte(head, '\n') + 1; i < len(head); {
		// Only a line that may be a Content-Length is read with its folds; of the others it is enough to find the end.
		if c := head[i] | 0x20; c == 'c' || c == 'l' {
			var f field
			next, _ := f.index(head, i)
			if f.id == HeaderContentLength {
				length.add(head[f.val:f.valEnd])
			}
			i = next
			continue
		}
		i += bytes.IndexByte(head[i:], '\n') + 1
	}
	if bareLF(head) {
		return 0, bad("Bad message: LF without CR")
	}
	switch {
	case length.bad:
		return 0, bad("Bad Content-Length")
	case !length.seen:
		return 0, bad("Missing Content-Length")
	}
	return length.n, nil
}

// bareLF tells whether an LF in b has no CR before it.
func bareLF(b []byte) bool {
	for i := 0; ; i++ {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return false
		}
		i += j
		if i == 0 || b[i-1] != '\r' {
			return true
		}
	}
}
