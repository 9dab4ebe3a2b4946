package message

// This file reads parameters: the ";name=value" runs of header elements and URIs (RFC 3261 §25.1
// generic-param, §19.1.1 uri-parameters).

import "bytes"

// Params is a run of ";name=value" pairs as written. Names compare without case; values may be
// tokens, hosts or quoted strings.
type Params []byte

// param is one parameter: offsets into its run.
type param struct {
	lo      int // its ';'
	name    int
	nameEnd int
	val     int // its value without quotes; val == valEnd if it has none
	valEnd  int
	hi      int // past the value, or past the name
}

// next finds the parameter at or after p[i]. ok is false at the end, and where p can no longer be
// read; broken distinguishes the two. Empty parameters (";;") are skipped.
func (p Params) next(i int) (q param, ok, broken bool) {
	for {
		i = skipSpace(p, i)
		if i == len(p) {
			return q, false, false
		}
		if p[i] != ';' {
			return q, false, true
		}
		q.lo = i
		i = skipSpace(p, i+1)
		if i == len(p) {
			return q, false, false
		}
		if p[i] != ';' {
			break
		}
	}
	q.name = i
	for i < len(p) && is(p[i], charParamName) {
		i++
	}
	q.nameEnd, q.hi, q.val, q.valEnd = i, i, i, i
	if q.nameEnd == q.name {
		return q, false, true
	}
	if i == len(p) || p[i] == ';' {
		return q, true, false
	}
	if i = skipSpace(p, i); i == len(p) || p[i] != '=' {
		return q, true, false
	}
	i = skipSpace(p, i+1)
	if i < len(p) && p[i] == '"' {
		end := skipQuoted(p, i)
		if end < 0 {
			return q, false, true
		}
		q.val, q.valEnd, q.hi = i+1, end-1, end
		return q, true, false
	}
	q.val = i
	for i < len(p) && is(p[i], charParam) {
		i++
	}
	q.valEnd, q.hi = i, i
	return q, true, false
}

// plain reads the parameter at p[i] like next if it has the usual form: ";name" or ";name=value"
// without white space or quotes. Its value, which may be empty, is p[min(nameEnd+1, end):end]. For
// any other form end is negative, and next has to read it.
func (p Params) plain(i int) (nameEnd, end int) {
	if p[i] != ';' {
		return 0, -1
	}
	name := i + 1
	for i = name; i < len(p) && is(p[i], charParamName); i++ {
	}
	nameEnd = i
	switch {
	case i == name:
		return 0, -1
	case i == len(p) || p[i] == ';':
		return i, i
	case p[i] != '=' || i+1 < len(p) && (p[i+1] == '"' || is(p[i+1], charSpace)):
		return 0, -1
	}
	for i++; i < len(p) && is(p[i], charParam); i++ {
	}
	return nameEnd, i
}

// Get is the value of the first parameter of that name: quotes kept off, escapes in it left; "" if
// it has no value.
func (p Params) Get(name string) (value []byte, present bool) {
	for i := 0; i < len(p); {
		if nameEnd, end := p.plain(i); end >= 0 {
			if equalFold(p[i+1:nameEnd], name) {
				return p[min(nameEnd+1, end):end:end], true
			}
			i = end
			continue
		}
		q, ok, _ := p.next(i)
		if !ok {
			return nil, false
		}
		if equalFold(p[q.name:q.nameEnd], name) {
			return p[q.val:q.valEnd:q.valEnd], true
		}
		i = q.hi
	}
	return nil, false
}

// Has reports whether a parameter of that name is there.
func (p Params) Has(name string) bool {
	_, present := p.Get(name)
	return present
}

// Each calls f for each parameter in order until it returns false. Values are as [Params.Get] gives
// them.
func (p Params) Each(f func(name, value []byte) bool) {
	for i := 0; i < len(p); {
		if nameEnd, end := p.plain(i); end >= 0 {
			if !f(p[i+1:nameEnd:nameEnd], p[min(nameEnd+1, end):end:end]) {
				return
			}
			i = end
			continue
		}
		q, ok, _ := p.next(i)
		if !ok || !f(p[q.name:q.nameEnd:q.nameEnd], p[q.val:q.valEnd:q.valEnd]) {
			return
		}
		i = q.hi
	}
}

// found is what check found out about one parameter, so that it need not be searched for again.
type found struct {
	lo, hi  uint32 // the value of the first of that name
	length  uint32 // of the Params it was looked for in; 0: not looked for, or not to the end
	present bool
	twice   bool // there is a second one with another value
}

// value is what Get returns for p and the name that f was searched with.
func (f *found) value(p Params, name string) []byte {
	if int(f.length) != len(p) || f.length == 0 {
		b, _ := p.Get(name)
		return b
	}
	if !f.present {
		return nil
	}
	return p[f.lo:f.hi:f.hi]
}

// add takes down the value p[lo:hi]. The same value again says nothing new: some phones write their
// tag twice.
func (f *found) add(p Params, lo, hi int) {
	if f.present {
		f.twice = f.twice || !bytes.Equal(p[f.lo:f.hi], p[lo:hi])
		return
	}
	f.lo, f.hi, f.present = uint32(lo), uint32(hi), true
}

// check returns what prevents p from being read completely, or "", and records in f what it finds
// about the parameter name. limit is the maximum number of parameters.
func (p Params) check(limit int, name string, f *found) (flaw string) {
	for i, n := 0, 0; i < len(p); n++ {
		if nameEnd, end := p.plain(i); end >= 0 && n < limit {
			if nameEnd-i-1 == len(name) && equalFold(p[i+1:nameEnd], name) {
				f.add(p, min(nameEnd+1, end), end)
			}
			i = end
			continue
		}
		q, ok, broken := p.next(i)
		switch {
		case broken:
			return "bad parameter"
		case !ok:
			f.length = uint32(len(p))
			return ""
		case n == limit:
			return "too many parameters"
		}
		if q.nameEnd-q.name == len(name) && equalFold(p[q.name:q.nameEnd], name) {
			f.add(p, q.val, q.valEnd)
		}
		i = q.hi
	}
	f.length = uint32(len(p))
	return ""
}
