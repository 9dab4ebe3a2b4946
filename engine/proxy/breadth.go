package proxy

import (
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

// Max-Breadth (RFC 5393 §5) bounds how many branches of one request may be pending at once, over all the proxies it
// passes: what a request brings with it is split among the branches that run side by side, and a branch that has its final
// response gives its share back. Max-Forwards alone bounds only how long a path is, not how many there are.

// defaultBreadth is what a request without the header gets (RFC 5393 §5.3.3).
const defaultBreadth = 60

// breadthOf is the Max-Breadth of a request. What can't be read counts as missing.
func breadthOf(req *message.Message) int {
	v := req.Header(message.HeaderMaxBreadth)
	if v == nil {
		return defaultBreadth
	}
	n, err := strconv.ParseUint(text(v), 10, 31)
	if err != nil {
		return defaultBreadth
	}
	return int(n)
}

// share splits what is left of the request's breadth among the branches of a new group, the first of which get what
// doesn't divide. One that is left with nothing may not be sent. Where nobody has set a bound each fork has the default for itself: a script that
// forks twice at a time knows what it does.
func (f *Fork) share(group []*Branch) {
	left := breadthOf(f.x.Req)
	bounded := f.x.Req.Find(message.HeaderMaxBreadth, 0) >= 0
	for _, o := range f.x.forks {
		if o != f && !bounded {
			continue
		}
		for _, b := range o.branches {
			if !b.done {
				left -= b.breadth
			}
		}
	}
	left = max(left, 0)
	each, more := left/len(group), left%len(group)
	for i, b := range group {
		b.breadth = each
		if i < more {
			b.breadth++
		}
	}
}

// setBreadth writes a branch's share.
func setBreadth(m *message.Message, n int) {
	if m.Header(message.HeaderMaxBreadth) != nil {
		if n == breadthOf(m) {
			return
		}
	} else if n == defaultBreadth {
		_ = m.Add("Max-Breadth", "60")
		return
	}
	_ = m.Set("Max-Breadth", strconv.Itoa(n))
}
