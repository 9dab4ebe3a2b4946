package message

// This file compares URIs (RFC 3261 §19.1.4, RFC 3966 §4).

import "bytes"

// Equal reports whether u and v are the same by §19.1.4 (tel: RFC 3966 §4). It is not transitive: a
// parameter that only one of two URIs has is skipped, except for user, ttl, method, maddr and
// transport. URIs of other schemes are equal when they are so byte by byte after the scheme.
func (u *URI) Equal(v *URI) bool {
	s := schemeOf(u.Scheme)
	if s != schemeOf(v.Scheme) {
		return false
	}
	switch s {
	case schemeTel:
		return equalTel(u, v)
	case schemeOther:
		return equalFold(u.Scheme, v.Scheme) && bytes.Equal(u.Opaque, v.Opaque)
	}
	return (u.User == nil) == (v.User == nil) && equalEscaped(u.User, v.User, false) &&
		u.HasPassword == v.HasPassword && equalEscaped(u.Password, v.Password, false) &&
		// A port left out is not the default port: the two may resolve to different ones.
		u.Port == v.Port && equalHost(u.Host, v.Host) &&
		equalParams(u.Params, v.Params) && equalParams(v.Params, u.Params) &&
		equalHeaders(u.Headers, v.Headers)
}

// withoutDot is host without the dot of the root: example.com. is example.com (RFC 1034 §3.1).
func withoutDot(host []byte) []byte {
	if n := len(host) - 1; n > 0 && host[n] == '.' {
		return host[:n]
	}
	return host
}

// EqualHost compares hosts as they are in URIs, without brackets: names without case and without
// the dot of the root, IPv6 addresses by value (RFC 5954 §4.2).
func EqualHost(a, b []byte) bool { return equalHost(a, b) }

func equalHost(a, b []byte) bool {
	if equalFold(withoutDot(a), withoutDot(b)) {
		return true
	}
	if bytes.IndexByte(a, ':') < 0 || bytes.IndexByte(b, ':') < 0 {
		return false
	}
	x, errX := parseIPv6(a)
	y, errY := parseIPv6(b)
	return errX == nil && errY == nil && x == y
}

// unit is the character at b[i] with its escape undone, and the index after it. A reserved
// character is not equal to its escape (§19.1.4), so a bit distinguishes the two.
func unit(b []byte, i int) (c uint16, next int) {
	if b[i] != '%' || i+2 >= len(b) || !is(b[i+1], charHex) || !is(b[i+2], charHex) {
		return uint16(b[i]), i + 1
	}
	d := unhex(b[i+1])<<4 | unhex(b[i+2])
	if isReserved(d) {
		return uint16(d) | 0x100, i + 3
	}
	return uint16(d), i + 3
}

// isReserved reports whether c is of the set "reserved" (§25.1), or the '%' that would begin
// another escape.
func isReserved(c byte) bool {
	switch c {
	case ';', '/', '?', ':', '@', '&', '=', '+', '$', ',', '%':
		return true
	}
	return false
}

// equalEscaped compares with escapes undone, without case when fold is set.
func equalEscaped(a, b []byte, fold bool) bool {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		var x, y uint16
		x, i = unit(a, i)
		y, j = unit(b, j)
		if x == y {
			continue
		}
		if !fold || x > 0xff || y > 0xff || lowerTable[x] != lowerTable[y] {
			return false
		}
	}
	return i == len(a) && j == len(b)
}

// equalParams reports whether each parameter of a has its like in b, or need not. Called both ways
// it is §19.1.4's rule. Of a name that occurs more than once, which it must not, any may be the
// like.
func equalParams(a, b Params) bool {
	for i := 0; ; {
		q, ok, _ := a.next(i)
		if !ok {
			return true
		}
		name, value := a[q.name:q.nameEnd], a[q.val:q.valEnd]
		present, equal := b.like(name, value, false)
		if present && !equal || !present && mustMatch(name) {
			return false
		}
		i = q.hi
	}
}

// like reports whether p has a parameter of that name, and whether one with that value; escapes are
// undone, and case is nothing. With number set, values may be equal as telephone numbers, too.
func (p Params) like(name, value []byte, number bool) (present, equal bool) {
	for i := 0; ; {
		q, ok, _ := p.next(i)
		if !ok {
			return present, false
		}
		if equalEscaped(p[q.name:q.nameEnd], name, true) {
			present = true
			other := p[q.val:q.valEnd]
			if equalEscaped(value, other, true) || number && equalNumber(value, other) {
				return true, true
			}
		}
		i = q.hi
	}
}

// mustMatch reports whether a parameter that is in one URI only keeps the two from being equal. The
// rules name user, ttl, method and maddr; that transport is one follows from the examples.
func mustMatch(name []byte) bool {
	switch len(name) {
	case 3:
		return equalFold(name, "ttl")
	case 4:
		return equalFold(name, "user")
	case 5:
		return equalFold(name, "maddr")
	case 6:
		return equalFold(name, "method")
	case 9:
		return equalFold(name, "transport")
	}
	return false
}

// equalHeaders reports whether the header components are the same in any order. None is ever
// skipped.
func equalHeaders(a, b []byte) bool {
	return countHeaders(a) == countHeaders(b) && headersIn(a, b) && headersIn(b, a)
}

func countHeaders(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return bytes.Count(b, ampersand[:]) + 1
}

var ampersand = [1]byte{'&'} // never written

// headersIn reports whether each header of a is in b.
func headersIn(a, b []byte) bool {
	for len(a) > 0 {
		var one []byte
		one, a = cutHeader(a)
		found := false
		for rest := b; len(rest) > 0 && !found; {
			var other []byte
			other, rest = cutHeader(rest)
			found = equalHeader(one, other)
		}
		if !found {
			return false
		}
	}
	return true
}

func cutHeader(b []byte) (first, rest []byte) {
	if i := bytes.IndexByte(b, '&'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// equalHeader compares two hname=hvalue: names without case, values with case, because nothing says
// what each means.
func equalHeader(a, b []byte) bool {
	i, j := bytes.IndexByte(a, '='), bytes.IndexByte(b, '=')
	if i < 0 || j < 0 {
		return i == j && equalEscaped(a, b, true)
	}
	return equalEscaped(a[:i], b[:j], true) && equalEscaped(a[i+1:], b[j+1:], false)
}

// equalTel compares by RFC 3966 §4: numbers without visual separators, the same parameters in any
// order.
func equalTel(u, v *URI) bool {
	return equalNumber(u.User, v.User) && telParamsIn(u.Params, v.Params) && telParamsIn(v.Params, u.Params)
}

// telParamsIn reports whether each parameter of a is in b with the same value. Values that are
// numbers are compared as numbers.
func telParamsIn(a, b Params) bool {
	for i := 0; ; {
		q, ok, _ := a.next(i)
		if !ok {
			return true
		}
		name, value := a[q.name:q.nameEnd], a[q.val:q.valEnd]
		number := equalFold(name, "ext") || equalFold(name, "phone-context") && len(value) > 0 && value[0] == '+'
		if _, equal := b.like(name, value, number); !equal {
			return false
		}
		i = q.hi
	}
}

// equalNumber compares numbers without visual separators and without case.
func equalNumber(a, b []byte) bool {
	i, j := 0, 0
	for {
		for i < len(a) && isSeparator(a[i]) {
			i++
		}
		for j < len(b) && isSeparator(b[j]) {
			j++
		}
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if lowerTable[a[i]] != lowerTable[b[j]] {
			return false
		}
		i++
		j++
	}
}
