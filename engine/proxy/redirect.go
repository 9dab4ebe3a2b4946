package proxy

import (
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

// redirected adds the contacts of a 3xx to the fork's targets (§16.7 step 4, §8.1.3.4); false when there was nothing new in it.
func (f *Fork) redirected(r *Response) bool {
	var found []*Target
	contacts := r.msg.Elements(message.HeaderContact)
	for contacts.Next() {
		a, err := message.ParseAddress(contacts.Value)
		if err != nil || a.Star {
			continue
		}
		u, err := message.ParseURI(a.URI)
		if err != nil || !u.IsSIP() || len(f.follow) >= maxRedirects || slices.Contains(f.follow, text(a.URI)) {
			continue
		}
		t := &Target{URI: string(a.URI), Q: 1}
		if q, ok := a.Params.Get("q"); ok {
			if v, err := strconv.ParseFloat(string(q), 64); err == nil && v >= 0 && v <= 1 {
				t.Q = v
			}
		}
		f.follow = append(f.follow, t.URI)
		found = append(found, t)
	}
	if len(found) == 0 {
		return false
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

// started goes on with what a redirect brought: at once in parallel, else when the present group has ended.
func (f *Fork) started() {
	if f.active == 0 || f.opts.Order == Parallel {
		f.advance()
	}
}
