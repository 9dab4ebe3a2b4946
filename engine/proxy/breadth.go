package proxy

import (
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

// Max-Breadth (RFC 5393 §5) bounds how many branches of one request may be pending at once, over
// all the proxies it passes: what a request brings with it is split among parallel branches, and a
// branch that has its final response returns its share. Max-Forwards alone bounds only how long a
// path is, not how many there are.

// defaultBreadth is used for a request without the header (RFC 5393 §5.3.3).
const defaultBreadth = 60

// breadthOf is the Max-Breadth of a request. An unreadable value counts as missing.
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

// left is what remains of the request's breadth for another branch of the fork, and returns reports
// whether more will become available, when a pending branch returns its share. If nobody has set a
// bound, each fork has the default to itself: a script that forks twice at a time does so on
// purpose.
func (f *Fork) left() (left int, returns bool) {
	left = breadthOf(f.x.Req)
	bounded := f.x.Req.Find(message.HeaderMaxBreadth, 0) >= 0
	for _, o := range f.x.forks {
		if o != f && !bounded {
			continue
		}
		for _, b := range o.branches {
			if !b.done && b.breadth > 0 {
				left -= int(b.breadth)
				returns = true
			}
		}
	}
	return max(left, 0), returns
}

// share splits the remaining breadth of the request among the branches of a new group; the first
// ones get the remainder.
func (f *Fork) share(group []*Branch) {
	left, _ := f.left()
	each, more := left/len(group), left%len(group)
	for i, b := range group {
		b.breadth = int32(each)
		if i < more {
			b.breadth++
		}
	}
}

// starve handles a branch for which no breadth is left: it waits until another branch returns its
// share, so that targets are tried one after the other if they cannot be tried at once (RFC 5393
// §5.3.3). Only if none will, it is 440.
func (b *Branch) starve() {
	if _, returns := b.fork.left(); returns {
		b.starving = true
		b.fork.x.starving++
		return
	}
	b.fork.x.later(event{b, NewResponse(440, CauseUnreachable, b.target.shown()), true})
}

// fed ends starve.
func (b *Branch) fed() {
	b.starving = false
	b.fork.x.starving--
}

// feed starts branches that were starving, as far as there is breadth for them again. It is called
// when a branch has returned its share.
func (x *Context) feed() {
	if x.starving == 0 {
		return
	}
	for _, f := range slices.Clone(x.forks) {
		hungry := slices.DeleteFunc(slices.Clone(f.branches), func(b *Branch) bool { return !b.starving })
		if len(hungry) == 0 {
			continue
		}
		left, returns := f.left()
		if left == 0 && returns {
			continue
		}
		if left > 0 { // otherwise nobody will return anything: all start, and end as starved
			hungry = hungry[:min(left, len(hungry))]
		}
		for _, b := range hungry {
			b.fed()
		}
		f.share(hungry)
		for _, b := range hungry {
			b.begin()
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
