package proxy

import (
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

// redirected adds the contacts of a 3xx to the fork's targets (§16.7 step 4, §8.1.3.4), and takes
// them, and those that were tried before, out of the 3xx, which from got. It reports false, and
// leaves r alone, when there was nothing new in it.
func (f *Fork) redirected(r *Response, from *Target) bool {
	var found []*Target
	var trail *trail
	var tried []int // the contacts that leave the 3xx
	secure := isSIPS(f.x.Req.RequestURI())
	contacts := r.msg.Elements(message.HeaderContact)
	for n := 0; contacts.Next(); n++ {
		a, err := message.ParseAddress(contacts.Value)
		if err != nil || a.Star {
			continue
		}
		u, err := message.ParseURI(a.URI)
		switch {
		case err != nil || !u.IsSIP() || secure && !isSIPS(a.URI):
		case f.tried(a.URI) || slices.ContainsFunc(found, func(t *Target) bool { return sameURI(view(t.URI), a.URI) }):
			tried = append(tried, n)
		case f.followed < maxRedirects:
			f.followed++
			tried = append(tried, n)
			t := redirectTarget(&a)
			if trail == nil {
				trail = trailOf(f.x, from, &r.msg)
			}
			trail.follow(t, &a)
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return false
	}
	for _, n := range slices.Backward(tried) {
		r.msg.RemoveElement(message.HeaderContact, n)
	}
	f.queue = append(found, f.queue...)
	if f.opts.Order == ByQ {
		slices.SortStableFunc(found, func(a, b *Target) int {
			switch {
			case a.Q > b.Q:
				return -1
			case a.Q < b.Q:
				return 1
			}
			return 0
		})
		copy(f.queue, found)
	}
	return true
}

// redirectTarget is a contact as a target.
func redirectTarget(a *message.Address) *Target {
	t := &Target{URI: string(a.URI), Q: 1, found: true}
	if q, ok := a.Params.Get("q"); ok {
		if v, err := strconv.ParseFloat(string(q), 64); err == nil && v >= 0 && v <= 1 {
			t.Q = v
		}
	}
	return t
}

// tried reports whether a URI is among the fork's targets: no URI enters the set twice (§16.5), so
// that redirects end.
func (f *Fork) tried(uri []byte) bool {
	for _, b := range f.branches {
		known := view(b.target.URI)
		if len(known) == 0 {
			known = f.x.Req.RequestURI()
		}
		if sameURI(known, uri) {
			return true
		}
	}
	return slices.ContainsFunc(f.queue, func(t *Target) bool { return sameURI(view(t.URI), uri) })
}

// started continues with the contacts of a redirect: at once if parallel, otherwise when the
// current group has ended. The part of r that was not followed is a response like any other.
func (f *Fork) started(r *Response) {
	if r.msg.Header(message.HeaderContact) != nil {
		f.consider(r)
	}
	if f.active == 0 || f.opts.Order == Parallel {
		f.advance()
	}
}
