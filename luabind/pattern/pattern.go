// Package pattern matches Lua patterns (Lua 5.1 reference manual §5.4.1). Unlike the interpreter's
// own matcher it counts its steps: a match runs in Go, where the budget of a script cannot stop it.
package pattern

import "errors"

// Matcher matches patterns, and holds the captures of the last match. It belongs to one goroutine.
type Matcher struct {
	src, pat string
	level    int
	// Steps counts on over the matches of one call: beyond some 50 ms a match is an error.
	Steps   int
	depth   int
	Breathe func() // called each 0.6 ms or so; nil: nobody waits for the match
	capture [maxCaptures]capture
}

// Match reports whether a pattern matches anywhere in text; an error says what is wrong with the
// pattern, or that it takes too long.
func Match(text, pattern string) (bool, error) {
	var m Matcher
	at, _, err := m.Find(text, pattern, 0)
	return err == nil && at != NoMatch, err
}

// Captures is how many captures the last match has.
func (m *Matcher) Captures() int { return m.level }

// Capture is capture i of the last match, from 0: text from start to end or, if position is true,
// only the position start. An error means that the pattern has a '(' without a ')'.
func (m *Matcher) Capture(i int) (start, end int, position bool, err error) {
	switch c := m.capture[i]; c.len {
	case capPosition:
		return c.start, c.start, true, nil
	case capOpen:
		return 0, 0, false, errOpen
	default:
		return c.start, c.start + c.len, false, nil
	}
}

var errOpen = errors.New("the pattern has a '(' without a ')'")

type capture struct{ start, len int }

// NoMatch is the start of no match.
const NoMatch = -1

const (
	maxCaptures  = 32
	maxMatchSide = 200      // recursion of the Matcher
	maxSteps     = 10 << 20 // some 50 ms
	matchBreath  = 1 << 17  // steps, some 0.6 ms
	capOpen      = -1
	capPosition  = -2
)

type patternError string

func (e patternError) Error() string { return string(e) }

var errSteps = errors.New("the pattern takes too long on this text: make it more specific")

func bad(text string) { panic(patternError(text)) }

// begin starts a match.
func (m *Matcher) begin(src, pat string) { m.src, m.pat, m.level, m.depth = src, pat, 0, 0 }

// find finds the first match at or after init.
func (m *Matcher) Find(src, pat string, init int) (start, end int, err error) {
	defer m.caught(&err)
	anchored := len(pat) > 0 && pat[0] == '^'
	p := 0
	if anchored {
		p = 1
	}
	for s := init; ; s++ {
		m.begin(src, pat)
		if e := m.match(s, p); e != NoMatch {
			return s, e, nil
		}
		if anchored || s >= len(src) {
			return NoMatch, NoMatch, nil
		}
	}
}

func (m *Matcher) caught(err *error) {
	switch v := recover().(type) {
	case nil:
	case patternError:
		*err = v
	case error:
		if v != errSteps {
			panic(v)
		}
		*err = v
	default:
		panic(v)
	}
}

func (m *Matcher) step() {
	if m.Steps++; m.Steps&(matchBreath-1) == 0 && m.Breathe != nil {
		m.Breathe()
	}
	if m.Steps > maxSteps {
		panic(errSteps)
	}
}

// match matches pat[p:] at src[s:] and returns the end, or NoMatch.
func (m *Matcher) match(s, p int) int {
	if m.depth++; m.depth > maxMatchSide {
		bad("the pattern is too complex")
	}
	defer func() { m.depth-- }()
	for {
		m.step()
		if p == len(m.pat) {
			return s
		}
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, capPosition)
			}
			return m.open(s, p+1, capOpen)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if s == len(m.src) {
					return s
				}
				return NoMatch
			}
		case '%':
			if s2, p2, special := m.special(s, p); special {
				if s2 == NoMatch {
					return NoMatch
				}
				s, p = s2, p2
				continue
			}
		}
		ep := m.classEnd(p)
		suffix := byte(0)
		if ep < len(m.pat) {
			suffix = m.pat[ep]
		}
		switch suffix {
		case '?':
			if s < len(m.src) && m.single(s, p, ep) {
				if e := m.match(s+1, ep+1); e != NoMatch {
					return e
				}
			}
			p = ep + 1
		case '+':
			if s < len(m.src) && m.single(s, p, ep) {
				return m.greedy(s+1, p, ep)
			}
			return NoMatch
		case '*':
			return m.greedy(s, p, ep)
		case '-':
			return m.lazy(s, p, ep)
		default:
			if s >= len(m.src) || !m.single(s, p, ep) {
				return NoMatch
			}
			s, p = s+1, ep
		}
	}
}

// special matches %b, %f and %1 … %9, and returns where text and pattern continue.
func (m *Matcher) special(s, p int) (s2, p2 int, special bool) {
	if p+1 == len(m.pat) {
		return 0, 0, false
	}
	switch c := m.pat[p+1]; {
	case c == 'b':
		return m.balance(s, p+2), p + 4, true
	case c == 'f':
		next, ok := m.frontier(s, p+2)
		if !ok {
			s = NoMatch
		}
		return s, next, true
	case '0' <= c && c <= '9':
		return m.back(s, c), p + 2, true
	}
	return 0, 0, false
}

func (m *Matcher) greedy(s, p, ep int) int {
	i := 0
	for s+i < len(m.src) && m.single(s+i, p, ep) {
		m.step()
		i++
	}
	for ; i >= 0; i-- {
		if e := m.match(s+i, ep+1); e != NoMatch {
			return e
		}
	}
	return NoMatch
}

func (m *Matcher) lazy(s, p, ep int) int {
	for {
		if e := m.match(s, ep+1); e != NoMatch {
			return e
		}
		if s >= len(m.src) || !m.single(s, p, ep) {
			return NoMatch
		}
		s++
	}
}

func (m *Matcher) open(s, p, what int) int {
	if m.level >= maxCaptures {
		bad("the pattern has too many captures")
	}
	m.capture[m.level] = capture{s, what}
	m.level++
	e := m.match(s, p)
	if e == NoMatch {
		m.level--
	}
	return e
}

func (m *Matcher) close(s, p int) int {
	for i := m.level - 1; i >= 0; i-- {
		if m.capture[i].len == capOpen {
			m.capture[i].len = s - m.capture[i].start
			e := m.match(s, p)
			if e == NoMatch {
				m.capture[i].len = capOpen
			}
			return e
		}
	}
	bad("the pattern has a ')' without a '('")
	return NoMatch
}

// back matches what a capture matched (%1).
func (m *Matcher) back(s int, c byte) int {
	i := int(c - '1')
	if i < 0 || i >= m.level || m.capture[i].len < 0 {
		bad("the pattern refers to a capture that isn't there")
	}
	text := m.src[m.capture[i].start : m.capture[i].start+m.capture[i].len]
	if len(m.src)-s < len(text) {
		return NoMatch
	}
	m.Steps += len(text) / 64 // compared in one step, but not for free
	if m.src[s:s+len(text)] != text {
		return NoMatch
	}
	return s + len(text)
}

func (m *Matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		bad("%b in a pattern needs two characters")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return NoMatch
	}
	open, end := m.pat[p], m.pat[p+1]
	for depth, i := 1, s+1; i < len(m.src); i++ {
		m.step()
		switch m.src[i] {
		case end:
			if depth--; depth == 0 {
				return i + 1
			}
		case open:
			depth++
		}
	}
	return NoMatch
}

// frontier matches %f[set].
func (m *Matcher) frontier(s, p int) (next int, ok bool) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		bad("%f in a pattern needs a [set]")
	}
	ep := m.classEnd(p)
	before, here := byte(0), byte(0)
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		here = m.src[s]
	}
	return ep, !m.inSet(before, p, ep-1) && m.inSet(here, p, ep-1)
}

// classEnd is where the single character class at p ends.
func (m *Matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			bad("the pattern ends with '%'")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; ; first = false {
			if p >= len(m.pat) {
				bad("the pattern lacks a ']'")
			}
			m.step()
			c := m.pat[p]
			p++
			if c == '%' {
				p++
			} else if c == ']' && !first {
				return p
			}
		}
	}
	return p
}

// single reports whether src[s] is of the class pat[p:ep].
func (m *Matcher) single(s, p, ep int) bool {
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, ep-1)
	}
	return m.pat[p] == c
}

// inSet reports whether c is in the set that begins at p and whose ']' is at end.
func (m *Matcher) inSet(c byte, p, end int) bool {
	in := true
	p++
	if m.pat[p] == '^' {
		in = false
		p++
	}
	for ; p < end; p++ {
		m.step()
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return in
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

// inClass reports whether c is of the class %k. Letters are ASCII.
func inClass(c, k byte) bool {
	lower, upper := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z'
	digit := '0' <= c && c <= '9'
	punct := c > ' ' && c < 127 && !lower && !upper && !digit
	var in bool
	switch k | 0x20 {
	case 'a':
		in = lower || upper
	case 'c':
		in = c < ' ' || c == 127
	case 'd':
		in = digit
	case 'l':
		in = lower
	case 'p':
		in = punct
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = upper
	case 'w':
		in = lower || upper || digit
	case 'x':
		in = digit || 'a' <= c|0x20 && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return k == c
	}
	if 'A' <= k && k <= 'Z' {
		return !in
	}
	return in
}
