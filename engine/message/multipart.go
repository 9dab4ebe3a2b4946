package message

// This file reads multipart bodies (RFC 2046 §5.1, RFC 5621).

import (
	"bytes"
	"errors"
	"iter"
)

// What a multipart body may have at most.
const (
	maxParts       = 64
	maxPartHeaders = 32
	maxNesting     = 4
)

var (
	errBoundary  = errors.New("message: multipart body without a boundary")
	errParts     = errors.New("message: multipart body with too many parts, or with none")
	errPartHead  = errors.New("message: part with headers that can't be read")
	errPartDepth = errors.New("message: multipart body nested too deep")
)

// Part is one part of a multipart body. Its slices refer to the body.
type Part struct {
	Head   []byte // its header lines, each with its end; may be empty
	Body   []byte // without the line end that belongs to the boundary (RFC 2046 §5.1.1)
	Start  int    // of Head, in the body that was read
	Lo, Hi int    // of Body
}

// Headers are the names and values of the part's headers; folded lines stay folded.
func (p *Part) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := p.Head; len(rest) > 0; {
			var name, value []byte
			if name, value, rest = partHeader(rest); len(name) > 0 && !yield(name, value) {
				return
			}
		}
	}
}

// Header is the value of the part's first header of that name; nil if there is none.
func (p *Part) Header(name string) []byte {
	for n, v := range p.Headers() {
		if equalFold(n, name) {
			return v
		}
	}
	return nil
}

// partHeader reads the header at the beginning of head, which is not empty.
func partHeader(head []byte) (name, value, rest []byte) {
	end := 0
	for {
		n := bytes.IndexByte(head[end:], '\n')
		if n < 0 {
			end = len(head)
			break
		}
		if end += n + 1; end == len(head) || head[end] != ' ' && head[end] != '\t' {
			break
		}
	}
	line := head[:end]
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return nil, nil, head[end:]
	}
	return trim(line[:colon]), bytes.Trim(line[colon+1:], " \t\r\n"), head[end:]
}

// MediaType is the type of a Content-Type value, and its parameters. It may have any case.
func MediaType(value []byte) (kind []byte, params Params) {
	kind, _, _ = bytes.Cut(value, []byte(";"))
	return trim(kind), Params(value[len(kind):])
}

// IsMediaType reports whether a Content-Type value is of that type: "application/sdp". A type that
// ends in "/" stands for all of its subtypes.
func IsMediaType(value []byte, kind string) bool {
	got, _ := MediaType(value)
	if n := len(kind); n > 0 && kind[n-1] == '/' && len(got) > n {
		got = got[:n]
	}
	return equalFold(got, kind)
}

// Boundary is that of a multipart Content-Type; nil if it has none that is valid.
func Boundary(contentType []byte) []byte {
	_, params := MediaType(contentType)
	b, _ := params.Get("boundary")
	if len(b) == 0 || len(b) > 70 || checkValue(b) != nil { // RFC 2046 §5.1.1
		return nil
	}
	return b
}

// Parts reads a multipart body; contentType is the header's value. A body whose last delimiter is
// missing ends its last part.
func Parts(contentType, body []byte) ([]Part, error) {
	boundary := Boundary(contentType)
	if boundary == nil {
		return nil, errBoundary
	}
	var parts []Part
	start, last := delimiter(body, 0, boundary)
	for at := start.hi; start.hi > 0 && !last; at = start.hi {
		if len(parts) == maxParts {
			return nil, errParts
		}
		lo := at
		start, last = delimiter(body, at, boundary)
		end := start.lo
		if start.hi == 0 {
			end = len(body)
		}
		p, err := part(body, lo, max(lo, end))
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, errParts
	}
	return parts, nil
}

// delimiter finds the next "--boundary" line in body[at:], at the start of a line. Its lo is before
// the line end that precedes it, which belongs to it; hi is where the next part begins, 0 if there
// is none. last: it is the closing one.
func delimiter(body []byte, at int, boundary []byte) (d struct{ lo, hi int }, last bool) {
	for i := at; i < len(body); {
		next := len(body)
		if n := bytes.IndexByte(body[i:], '\n'); n >= 0 {
			next = i + n + 1
		}
		if line := body[i:next]; len(line) >= 2+len(boundary) && line[0] == '-' && line[1] == '-' && bytes.Equal(line[2:2+len(boundary)], boundary) {
			rest := line[2+len(boundary):]
			last = len(rest) >= 2 && rest[0] == '-' && rest[1] == '-'
			if last || len(bytes.Trim(rest, " \t\r\n")) == 0 {
				d.lo, d.hi = i, next
				if d.lo > at {
					d.lo--
					if d.lo > at && body[d.lo-1] == '\r' {
						d.lo--
					}
				}
				return d, last
			}
		}
		i = next
	}
	return d, false
}

// part reads the part body[lo:hi].
func part(body []byte, lo, hi int) (Part, error) {
	headers := 0
	for i := lo; ; {
		if i >= hi { // headers alone, or nothing
			return Part{Head: body[lo:hi:hi], Body: body[hi:hi:hi], Start: lo, Lo: hi, Hi: hi}, nil
		}
		n := bytes.IndexByte(body[i:hi], '\n')
		line := body[i:hi]
		if n >= 0 {
			line = body[i : i+n]
		}
		if len(bytes.TrimRight(line, "\r")) == 0 {
			start := min(i+len(line)+1, hi)
			return Part{Head: body[lo:i:i], Body: body[start:hi:hi], Start: lo, Lo: start, Hi: hi}, nil
		}
		if headers++; headers > maxPartHeaders {
			return Part{}, errPartHead
		}
		i += len(line) + 1
	}
}

// FindPart finds the first part of that type, in multiparts within multiparts too, whose
// Content-Disposition is one that a receiver takes for the session's (RFC 5621 §8.2: none, or
// "session"). found is false if there is none.
func FindPart(contentType, body []byte, kind string) (p Part, found bool, err error) {
	return findPart(contentType, body, kind, 0)
}

func findPart(contentType, body []byte, kind string, depth int) (p Part, found bool, err error) {
	if depth == maxNesting {
		return p, false, errPartDepth
	}
	parts, err := Parts(contentType, body)
	if err != nil {
		return p, false, err
	}
	for _, p := range parts {
		t := p.Header("Content-Type")
		if IsMediaType(t, "multipart/") {
			inner, found, err := findPart(t, p.Body, kind, depth+1)
			if found || err != nil {
				inner.Start, inner.Lo, inner.Hi = inner.Start+p.Lo, inner.Lo+p.Lo, inner.Hi+p.Lo
				return inner, found, err
			}
			continue
		}
		disposition, _ := MediaType(p.Header("Content-Disposition"))
		if IsMediaType(t, kind) && (len(disposition) == 0 || equalFold(disposition, "session")) {
			return p, true, nil
		}
	}
	return p, false, nil
}
