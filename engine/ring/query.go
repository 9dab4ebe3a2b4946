package ring

// What is asked of a ring.

import (
	"net/netip"
	"slices"
	"strings"
)

// Filter chooses calls; what is empty chooses all.
type Filter struct {
	User   string     // of the Request-URI, From or To of a request
	CallID string     // the beginning of one
	From   string     // contained in the URI of From
	To     string     // contained in the URI of To
	Method string     // of the first request
	Code   int        // of a response; 4 stands for 400 to 499
	IP     netip.Addr // of a party
	Name   string     // by sip.trace
	State  string     // one of the constants
}

// Match reports whether a call is chosen.
func (f *Filter) Match(c *Call) bool {
	switch {
	case f.User != "" && !slices.Contains(c.users, f.User),
		f.CallID != "" && !strings.HasPrefix(c.ID, f.CallID) && !slices.ContainsFunc(c.Others, func(id string) bool { return strings.HasPrefix(id, f.CallID) }),
		!strings.Contains(c.From, f.From), !strings.Contains(c.To, f.To),
		f.Method != "" && !strings.EqualFold(c.Method, f.Method),
		f.Code != 0 && !slices.ContainsFunc(c.codes, f.code),
		f.IP.IsValid() && !slices.Contains(c.ips, f.IP.Unmap()),
		f.Name != "" && c.Name != f.Name,
		f.State != "" && c.State != f.State:
		return false
	}
	return true
}

func (f *Filter) code(code int) bool { return code == f.Code || f.Code < 10 && code/100 == f.Code }

// Calls are the last ones that a filter chooses, the newest first, at most so many; 0: all.
func (r *Ring) Calls(f Filter, most int) ([]*Call, error) {
	b := r.NewBook(0)
	if err := r.each(func(rec *Record) bool { b.Add(rec); return true }); err != nil {
		return nil, err
	}
	var list []*Call
	for _, c := range b.calls {
		if f.Match(c) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *Call) int { return b.Began.Compare(a.Began) })
	if most > 0 && len(list) > most {
		list = list[:most]
	}
	return list, nil
}

// mostOfCall bounds the records of one call: half of them its first, half its last.
const mostOfCall = 2000

// Call is the call with a Call-ID, any of those it has, and its records in order; nil if there is
// none. Of one with very many those in the middle are left out, and counted in LeftOut.
func (r *Ring) Call(callID string) (*Call, []Record, error) {
	b := r.NewBook(0)
	if err := r.each(func(rec *Record) bool { b.Add(rec); return true }); err != nil {
		return nil, nil, err
	}
	c := b.Find(callID)
	if c == nil {
		return nil, nil, nil
	}
	hashes := map[uint64]bool{}
	for _, id := range append([]string{c.ID}, c.Others...) {
		hashes[r.hash([]byte(id))] = true
	}
	var list, last []Record // last is used in a round
	err := r.each(func(rec *Record) bool {
		h := rec.call
		if rec.Text != nil {
			h = r.hash(callIDOf(rec.Text))
		}
		if hashes[h] {
			one := *rec
			one.Text = slices.Clone(rec.Text) // not the whole window with it
			switch {
			case len(list) < mostOfCall/2:
				list = append(list, one)
			case len(last) < mostOfCall/2:
				last = append(last, one)
			default:
				last[c.LeftOut%len(last)] = one
				c.LeftOut++
			}
		}
		return true
	})
	if n := len(last); n > 0 {
		at := c.LeftOut % n
		list = append(append(list, last[at:]...), last[:at]...)
	}
	slices.SortStableFunc(list, func(a, b Record) int { return a.At.Compare(b.At) })
	return c, list, err
}

// callIDOf finds the Call-ID in the text of a message, nil for none.
func callIDOf(b []byte) []byte {
	for i := 0; i < len(b); {
		end := indexNewline(b, i)
		line := b[i:end]
		i = end + 1
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return nil
		}
		n := 0
		switch {
		case line[0]|0x20 == 'c' && len(line) > 7 && foldEqual(line[:7], "call-id"):
			n = 7
		case line[0]|0x20 == 'i' && len(line) > 1 && (line[1] == ':' || line[1] == ' ' || line[1] == '\t'):
			n = 1
		default:
			continue
		}
		for n < len(line) && (line[n] == ' ' || line[n] == '\t') {
			n++
		}
		if n < len(line) && line[n] == ':' {
			return trim(line[n+1:])
		}
	}
	return nil
}
