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
	// Of patterns without mistakes, by the place of their text, and of that which is matched.
	programs [cached]*program
	items    []item
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

// Find finds the first match at or after init.
func (m *Matcher) Find(src, pat string, init int) (start, end int, err error) {
	if p := m.program(pat); p != nil {
		return m.find(p, src, init)
	}
	return m.findPlain(src, pat, init)
}

// findPlain is Find by the text of a pattern.
func (m *Matcher) findPlain(src, pat string, init int) (start, end int, err error) {
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
	return m.balanced(s, m.pat[p], m.pat[p+1])
}

func (m *Matcher) balanced(s int, open, end byte) int {
	if s >= len(m.src) || m.src[s] != open {
		return NoMatch
	}
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
