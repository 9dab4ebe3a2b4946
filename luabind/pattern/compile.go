package pattern

import (
	"bytes"
	"unsafe"
)

// Patterns are compiled once, to items that are matched one after the other. A pattern with a
// mistake is not: the plain matcher finds the mistake where the match comes to it, as Lua does.

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }
func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }

// item is a part of a pattern.
type item struct {
	kind   byte // one of the following
	repeat byte // of a character: 0, '?', '*', '+' or '-'
	a, b   byte // of a balance its delimiters; a of a reference its digit
	set    set  // of a character, and of a frontier
	// needs is what the next character must be after this item, nil if that is not known.
	needs *set
}

const (
	itemEnd = iota
	itemCharacter
	itemOpen
	itemPosition
	itemClose
	itemTail // '$' at the end
	itemBalance
	itemFrontier
	itemReference
)

// program is a compiled pattern.
type program struct {
	pat      string
	anchored bool
	items    []item
	first    *set // what a match begins with, nil if that is not known
}

// cached is how many programs a matcher keeps.
const cached = 64

// program is the compiled pattern, or nil if there is a mistake in it.
func (m *Matcher) program(pat string) *program {
	slot := &m.programs[uintptr(unsafe.Pointer(unsafe.StringData(pat)))>>4%cached]
	if p := *slot; p != nil && p.pat == pat {
		return p
	}
	p := compile(pat)
	if p != nil {
		*slot = p
	}
	return p
}

// longestPattern is compiled.
const longestPattern = 256

func compile(pat string) (p *program) {
	if len(pat) > longestPattern {
		return nil
	}
	m := Matcher{pat: pat}
	defer func() {
		if recover() != nil { // a mistake
			p = nil
		}
	}()
	p = &program{pat: pat, anchored: pat != "" && pat[0] == '^'}
	at := 0
	if p.anchored {
		at = 1
	}
	for at < len(pat) {
		var i item
		i, at = m.item(at)
		p.items = append(p.items, i)
	}
	if !p.closed() {
		return nil
	}
	p.items = append(p.items, item{kind: itemEnd})
	for i := range p.items {
		p.items[i].needs = p.needed(i + 1)
	}
	p.first = p.needed(0)
	return p
}

// closed reports whether each capture ends, and is referred to only after that.
func (p *program) closed() bool {
	var state []byte // of each capture: the kind of the item that it is at
	open := 0
	for _, x := range p.items {
		switch x.kind {
		case itemOpen:
			open++
			state = append(state, itemOpen)
		case itemPosition:
			state = append(state, itemPosition)
		case itemClose:
			at := bytes.LastIndexByte(state, itemOpen)
			if at < 0 {
				return false
			}
			open--
			state[at] = itemClose
		case itemReference:
			if n := int(x.a) - '1'; n < 0 || n >= len(state) || state[n] != itemClose {
				return false
			}
		}
	}
	return open == 0 && len(state) <= maxCaptures
}

// needed is what the next character must be where item i comes, or nil.
func (p *program) needed(i int) *set {
	for ; i < len(p.items); i++ {
		switch x := &p.items[i]; x.kind {
		case itemOpen, itemPosition, itemClose:
		case itemCharacter:
			if x.repeat == 0 || x.repeat == '+' {
				return &x.set
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// item reads the item at p, and returns where the next begins. It panics at mistakes.
func (m *Matcher) item(p int) (i item, next int) {
	switch c := m.pat[p]; {
	case c == '(' && p+1 < len(m.pat) && m.pat[p+1] == ')':
		return item{kind: itemPosition}, p + 2
	case c == '(':
		return item{kind: itemOpen}, p + 1
	case c == ')':
		return item{kind: itemClose}, p + 1
	case c == '$' && p+1 == len(m.pat):
		return item{kind: itemTail}, p + 1
	case c == '%' && p+1 < len(m.pat):
		switch k := m.pat[p+1]; {
		case k == 'b':
			return item{kind: itemBalance, a: m.pat[p+2], b: m.pat[p+3]}, p + 4
		case k == 'f':
			next, _ := m.frontier(0, p+2)
			return item{kind: itemFrontier, set: m.set(p+2, next)}, next
		case '0' <= k && k <= '9':
			return item{kind: itemReference, a: k}, p + 2
		}
	}
	end := m.classEnd(p)
	i = item{kind: itemCharacter, set: m.set(p, end)}
	if end < len(m.pat) {
		switch m.pat[end] {
		case '?', '*', '+', '-':
			i.repeat = m.pat[end]
			end++
		}
	}
	return i, end
}

// set is the characters of the class pat[p:end].
func (m *Matcher) set(p, end int) (s set) {
	for c := range 256 {
		m.src = string([]byte{byte(c)})
		if m.single(0, p, end) {
			s.add(byte(c))
		}
	}
	m.Steps = 0
	return s
}

// work counts n steps.
func (m *Matcher) work(n int) {
	before := m.Steps
	if m.Steps += n; m.Steps/matchBreath != before/matchBreath {
		if m.Breathe != nil {
			m.Breathe()
		}
		if m.Steps > maxSteps {
			panic(errSteps)
		}
	}
}

// find is Find with a program.
func (m *Matcher) find(p *program, src string, init int) (start, end int, err error) {
	defer m.caught(&err)
	m.items, m.src = p.items, src
	for s := init; ; s++ {
		if p.first != nil && !p.anchored {
			from := s
			for s < len(src) && !p.first.has(src[s]) {
				s++
			}
			if m.work(s - from + 1); s == len(src) {
				return NoMatch, NoMatch, nil
			}
		}
		m.level, m.depth = 0, 0
		if e := m.run(s, 0); e != NoMatch {
			return s, e, nil
		}
		if p.anchored || s >= len(src) {
			return NoMatch, NoMatch, nil
		}
	}
}

// run matches the items from i on at src[s:], and returns the end, or NoMatch.
func (m *Matcher) run(s, i int) int {
	if m.depth++; m.depth > maxMatchSide {
		bad("the pattern is too complex")
	}
	end := m.matchItems(s, i)
	m.depth--
	return end
}

func (m *Matcher) matchItems(s, i int) int {
	for {
		m.work(1)
		switch x := &m.items[i]; x.kind {
		case itemEnd:
			return s
		case itemCharacter:
			switch x.repeat {
			case 0:
				if s >= len(m.src) || !x.set.has(m.src[s]) {
					return NoMatch
				}
				s++
			case '?':
				if s < len(m.src) && x.set.has(m.src[s]) {
					if e := m.run(s+1, i+1); e != NoMatch {
						return e
					}
				}
			case '-':
				return m.fewest(s, i, x)
			default:
				return m.most(s, i, x)
			}
		case itemOpen, itemPosition:
			return m.begins(s, i, x.kind)
		case itemClose:
			return m.ends(s, i)
		case itemTail:
			if s != len(m.src) {
				return NoMatch
			}
		case itemBalance:
			if s = m.balanced(s, x.a, x.b); s == NoMatch {
				return NoMatch
			}
		case itemFrontier:
			before, here := byte(0), byte(0)
			if s > 0 {
				before = m.src[s-1]
			}
			if s < len(m.src) {
				here = m.src[s]
			}
			if x.set.has(before) || !x.set.has(here) {
				return NoMatch
			}
		case itemReference:
			if s = m.back(s, x.a); s == NoMatch {
				return NoMatch
			}
		}
		i++
	}
}

// most matches a '*' or '+': as many as there are, and less if what follows does not match.
func (m *Matcher) most(s, i int, x *item) int {
	end := s
	for end < len(m.src) && x.set.has(m.src[end]) {
		end++
	}
	m.work(end - s)
	if x.repeat == '+' {
		s++
	}
	for ; end >= s; end-- {
		if x.needs != nil && (end == len(m.src) || !x.needs.has(m.src[end])) {
			m.work(1)
			continue
		}
		if e := m.run(end, i+1); e != NoMatch {
			return e
		}
	}
	return NoMatch
}

// fewest matches a '-': as few as what follows allows.
func (m *Matcher) fewest(s, i int, x *item) int {
	for ; ; s++ {
		if x.needs == nil || s < len(m.src) && x.needs.has(m.src[s]) {
			if e := m.run(s, i+1); e != NoMatch {
				return e
			}
		}
		if m.work(1); s >= len(m.src) || !x.set.has(m.src[s]) {
			return NoMatch
		}
	}
}

// begins is open for items.
func (m *Matcher) begins(s, i int, kind byte) int {
	if m.level >= maxCaptures {
		bad("the pattern has too many captures")
	}
	what := capOpen
	if kind == itemPosition {
		what = capPosition
	}
	m.capture[m.level] = capture{s, what}
	m.level++
	e := m.run(s, i+1)
	if e == NoMatch {
		m.level--
	}
	return e
}

// ends is close for items.
func (m *Matcher) ends(s, i int) int {
	for n := m.level - 1; n >= 0; n-- {
		if m.capture[n].len == capOpen {
			m.capture[n].len = s - m.capture[n].start
			e := m.run(s, i+1)
			if e == NoMatch {
				m.capture[n].len = capOpen
			}
			return e
		}
	}
	bad("the pattern has a ')' without a '('")
	return NoMatch
}
