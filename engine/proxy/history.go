package proxy

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// What a redirect says about where the call has been is passed on: History-Info (RFC 7044 §9) and
// Diversion (RFC 5806 §5), which voicemail and billing behind us depend on.

// mostHistory bounds the entries of one header that are passed on.
const mostHistory = 64

// trail is what is passed on to the contacts of one redirect.
type trail struct {
	history   []string
	diversion []string
	last      string // the index of the entry that was redirected, "" for none
	next      int    // the last number of the next one's index
}

// trailOf joins the history in the redirected request with that in the 3xx: entries in the
// response's own order, after those of the request that it leaves out (RFC 7044 §9.3).
func trailOf(x *Context, from *Target, res *message.Message) *trail {
	t := &trail{
		history:   joined(sent(x, from, message.HeaderHistoryInfo), elements(res, message.HeaderHistoryInfo), false),
		diversion: joined(sent(x, from, message.HeaderDiversion), elements(res, message.HeaderDiversion), true),
	}
	if n := len(t.history); n > 0 {
		t.redirected(&t.history[n-1], res.Status())
	}
	return t
}

// sent are the values that the redirected branch had: its redirect's before, or the request's.
func sent(x *Context, from *Target, id message.HeaderID) []string {
	if from != nil {
		for _, e := range from.Headers {
			if message.LookupHeader([]byte(e.Name)) == id {
				return e.Values
			}
		}
	}
	return elements(x.Req, id)
}

func elements(m *message.Message, id message.HeaderID) (list []string) {
	all := m.Elements(id)
	for all.Next() && len(list) < mostHistory {
		list = append(list, unfolded.Replace(string(all.Value)))
	}
	return list
}

// unfolded makes one line of a folded value (§7.3.1).
var unfolded = strings.NewReplacer("\r", "", "\n", "")

// joined are the values of both; those of the response come last, or first if the latest is on top.
func joined(request, answer []string, latestFirst bool) (all []string) {
	for _, v := range request {
		if !has(answer, v) {
			all = append(all, v)
		}
	}
	if latestFirst {
		all = append(answer[:len(answer):len(answer)], all...)
	} else {
		all = append(all, answer...)
	}
	return all[:min(len(all), mostHistory)]
}

func has(list []string, v string) bool {
	for _, x := range list {
		if x == v || index(x) != "" && index(x) == index(v) {
			return true
		}
	}
	return false
}

// index is the index of an entry of History-Info, or "" if it has none.
func index(entry string) string {
	a, err := message.ParseAddress([]byte(entry))
	if err != nil {
		return ""
	}
	v, _ := a.Params.Get("index")
	return string(v)
}

// redirected records in the redirected entry why it was redirected (RFC 7044 §10.2), and its index.
func (t *trail) redirected(entry *string, code int) {
	a, err := message.ParseAddress([]byte(*entry))
	if err != nil {
		return
	}
	v, _ := a.Params.Get("index")
	t.last = string(v)
	if dot := bytes.LastIndexByte(v, '.'); dot >= 0 {
		t.next, _ = strconv.Atoi(string(v[dot+1:]))
	} else {
		t.next, _ = strconv.Atoi(string(v))
	}
	if !bytes.ContainsRune(a.URI, '?') && bytes.ContainsRune([]byte(*entry), '<') {
		uri := string(a.URI)
		*entry = string(bytes.Replace([]byte(*entry), []byte("<"+uri+">"), []byte("<"+uri+"?Reason=SIP%3Bcause%3D"+strconv.Itoa(code)+">"), 1))
	}
}

// follow adds the trail to the target made from a contact, with an entry of its own if there is a
// history: one next to the redirected entry (RFC 7044 §10.3).
func (t *trail) follow(to *Target, contact *message.Address) {
	history := t.history
	if t.last != "" && len(history) < mostHistory {
		t.next++
		own := strconv.Itoa(t.next)
		for i := len(t.last) - 1; i >= 0; i-- {
			if t.last[i] == '.' {
				own = t.last[:i+1] + own
				break
			}
		}
		entry := "<" + to.URI + ">;index=" + own
		for _, how := range [...]string{"rc", "mp", "np"} {
			if _, ok := contact.Params.Get(how); ok { // how the redirecting server found it
				entry += ";" + how + "=" + t.last
				break
			}
		}
		history = append(history[:len(history):len(history)], entry)
	}
	for _, e := range [...]HeaderEdit{{"History-Info", history}, {"Diversion", t.diversion}} {
		if len(e.Values) > 0 {
			to.Headers = append(to.Headers, e)
		}
	}
}
