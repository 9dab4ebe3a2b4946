package pattern

// Single characters and classes of them.

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
