package message

// This file finds where a message in a stream ends.

import "bytes"

// Frame finds the first message in the stream bytes b (§18.3; leading CRLFs, §7.5, are up to the
// caller: see SkipCRLF). It returns the length of the whole message, or 0 if more bytes are needed.
// It never asks for more than lim.Message bytes: beyond that, and for a missing or unreadable
// Content-Length, it returns an error, after which the stream can no longer be framed. scanned is a
// cursor that the caller keeps between calls for the same message (0 at its start), so that a
// message that arrives byte by byte is not searched from its start each time; its values are
// private to Frame.
//
// A line that ends with a lone LF is an error here as in Parse: a header field that only one side
// sees would move the end of the message. The error's Status is the answer the request gets. So if
// the head is incomplete, Frame waits for it: the Via that says where the answer goes may be in the
// next segment.
func Frame(b []byte, lim *Limits, scanned *int) (n int, err error) {
	l := lim.resolved()
	if *scanned < 0 {
		// The head is complete and the length known: only body is missing.
		if n = -*scanned; n > len(b) {
			return 0, nil
		}
		*scanned = 0
		return n, nil
	}
	head, loose := headEnd(b, min(*scanned, len(b)))
	if loose >= 0 {
		if len(b) < shortHead && !looseEnd(b[max(loose-1, 0):]) {
			*scanned = loose
			return 0, nil
		}
		return 0, bad("Bad message: LF without CR")
	}
	if head == 0 {
		if len(b) >= l.Message {
			return 0, &Error{513, "Message Too Large"}
		}
		*scanned = len(b)
		return 0, nil
	}
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

// shortHead is how long a head may be that is waited for though a fault was seen in it.
const shortHead = 4096

// headEnd returns where the empty line at or after b[from:] ends, or 0 if there is none yet. loose
// is the position of an LF without CR before that, or -1.
func headEnd(b []byte, from int) (end, loose int) {
	for i := from; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return 0, -1
		}
		i += j + 1
		if i < 2 || b[i-2] != '\r' {
			return 0, i - 1
		}
		if i >= 4 && b[i-3] == '\n' {
			return i, -1
		}
	}
}

// looseEnd reports whether b has an empty line in it, however its lines end.
func looseEnd(b []byte) bool {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return false
		}
		i += j + 1
		if i < len(b) && b[i] == '\n' || i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			return true
		}
	}
}

// frameLength reads Content-Length from the lines of head, which ends with CRLF.
func frameLength(head []byte) (uint64, *Error) {
	var length contentLength
	for i := bytes.IndexByte(head, '\n') + 1; i < len(head); {
		// Only a line that may be a Content-Length is read with its folds; of the others it is
		// enough to find the end.
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
	switch {
	case length.bad:
		return 0, bad("Bad Content-Length")
	case !length.seen:
		return 0, bad("Missing Content-Length")
	}
	return length.n, nil
}
