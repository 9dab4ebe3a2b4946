// What the request said that made a WebSocket.

package transport

import (
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// maxAsked bounds the bytes of an Upgrade: it stays as long as its connection. Headers beyond are
// left out, the longest first.
const maxAsked = 4 << 10

// Upgrade is the HTTP request by which a client opened a WebSocket. It never changes.
type Upgrade struct {
	Path  string            // without the query, unescaped
	Query map[string]string // the parameters behind "?", the first of each name; nil for none
	// Origin is that of the page, "" if there was none. Browsers tell it truly; others make it up.
	Origin string
	// Headers by their names in lower case, without those of the upgrade itself; of several, the
	// values are joined by commas
	Headers map[string]string
}

// NewUpgrade is the request for a target, such as "/ws?token=1", with headers by their names.
func NewUpgrade(target string, headers map[string]string) (*Upgrade, error) {
	h := textproto.MIMEHeader{}
	for name, value := range headers {
		h.Set(name, value)
	}
	return newUpgrade(target, h.Get("Origin"), h)
}

// handshaking are the headers that say nothing but that a WebSocket is wanted (RFC 6455 §4.1).
var handshaking = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}

func newUpgrade(target, origin string, h textproto.MIMEHeader) (*Upgrade, error) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	a := &Upgrade{Path: u.Path, Origin: origin, Headers: map[string]string{}}
	for name, values := range u.Query() {
		if a.Query == nil {
			a.Query = map[string]string{}
		}
		a.Query[name] = values[0]
	}
	room := maxAsked - len(target)
	names := make([]string, 0, len(h))
	for name := range h {
		if !slices.Contains(handshaking, name) {
			names = append(names, name)
		}
	}
	length := func(name string) int { return len(name) + len(strings.Join(h[name], ", ")) }
	slices.SortFunc(names, func(x, y string) int {
		if d := length(x) - length(y); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	for _, name := range names {
		if room -= length(name); room < 0 {
			break
		}
		a.Headers[strings.ToLower(name)] = strings.Join(h[name], ", ")
	}
	return a, nil
}

// FlowUpgrade is the request by which the client of a WebSocket opened it; nil if the connection is
// gone, or another one.
func (s *Stack) FlowUpgrade(id FlowID) *Upgrade {
	if c := s.flows.get(id); c != nil {
		return c.asked
	}
	return nil
}
