package replay

// What was decided about a request, from what happened then.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// happening is one thing that happened in the course of a request: a message, or a step.
type happening struct {
	sent   bool // of a message: by the server
	failed bool // it could not be sent
	peer   netip.AddrPort
	text   []byte // nil for a step

	function, place, answer string
	decides                 bool
}

// Bounds of a Decision: a script may do much for one request.
const (
	mostTargets = 64
	mostLines   = 32
	mostValue   = 300 // bytes
)

// asks is what a function of scripts asks outside, "" for nothing.
func asks(function string) string {
	for prefix, name := range map[string]string{"http.": "http", "sql.": "sql", "db:": "sql", "tx:": "sql", "redis.": "redis", "r:": "redis", "client:": "redis",
		"dns.": "dns", "enum.": "dns", "rtpengine.": "rtpengine", "uac.": "uac"} {
		if strings.HasPrefix(function, prefix) && !strings.HasSuffix(function, ".open") {
			return name
		}
	}
	return ""
}

// decider gathers what becomes of one request.
type decider struct {
	d       Decision
	request *message.Message
	source  netip.AddrPort
	method  string
	cseq    uint32
	sent    map[string]int // the index of the target, by the branch
	msg     message.Message
}

// decide is what was decided about a request.
func decide(request *message.Message, source netip.AddrPort, list []happening) Decision {
	cseq, _ := request.CSeq()
	d := &decider{request: request, source: source, method: string(request.MethodText()), cseq: cseq.Number, sent: map[string]int{}}
	for i := range list {
		if list[i].text == nil {
			d.step(&list[i])
		} else {
			d.message(&list[i])
		}
	}
	return d.d
}

func add(list []string, text string) []string {
	if len(list) >= mostLines || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

func (d *decider) step(h *happening) {
	if name := asks(h.function); name != "" {
		d.d.Asks = add(d.d.Asks, name)
	}
	switch {
	case h.function == "error":
		d.d.Errors = add(d.d.Errors, h.place+": "+h.answer)
	case h.decides:
		d.d.Steps = add(d.d.Steps, strings.TrimRight(h.function+" "+h.place, " "))
	case strings.HasPrefix(h.function, "auth."):
		answer := h.answer
		if answer == "a text" || answer == "" {
			answer = "yes"
		}
		d.d.Auth = add(d.d.Auth, h.function+": "+answer)
	}
}

// accepted reports whether auth took the request's credentials; known is false if it was not asked.
func (d *Decision) accepted() (yes, known bool) {
	for _, line := range d.Auth {
		function, answer, _ := strings.Cut(line, ": ")
		if function == "auth.require" || function == "auth.check" {
			known = true
			yes = yes || answer != "false" && answer != "nil" && !strings.HasPrefix(answer, "nil,")
		}
	}
	return yes, known
}

func (d *decider) message(h *happening) {
	if h.failed || d.msg.Parse(h.text, &message.Limits{}) != nil {
		return
	}
	m := &d.msg
	cseq, err := m.CSeq()
	if err != nil || string(cseq.Text) != d.method {
		return
	}
	switch {
	case m.IsRequest() && h.sent:
		d.target(h, m)
	case !m.IsRequest() && !h.sent:
		d.answered(m)
	case !m.IsRequest() && h.sent && cseq.Number == d.cseq && bytes.Equal(m.CallID(), d.request.CallID()) && m.Status() >= 200 && d.d.Code == 0:
		d.d.Code = m.Status()
		if len(d.d.Targets) == 0 {
			d.response(m)
		}
	}
}

// answered notes the answer of a target.
func (d *decider) answered(m *message.Message) {
	if i, ok := d.sent[branchOf(m)]; ok && m.Status() >= 200 {
		d.d.Targets[i].Code = m.Status()
	}
}

func branchOf(m *message.Message) string {
	via, err := m.TopVia()
	if err != nil {
		return ""
	}
	return string(via.Branch())
}

// target notes where a request was sent.
func (d *decider) target(h *happening, m *message.Message) {
	branch := branchOf(m)
	if _, again := d.sent[branch]; again || len(m.ToTag()) > 0 || len(d.d.Targets) >= mostTargets {
		return
	}
	d.sent[branch] = len(d.d.Targets)
	t := Target{URI: string(m.RequestURI())}
	leads := m.RequestURI()
	if route := m.Elements(message.HeaderRoute); route.Next() {
		t.Hop = string(route.Value)
	} else if uri, err := message.ParseURI(leads); err == nil {
		if host, err := netip.ParseAddr(strings.Trim(string(uri.Host), "[]")); err == nil && host != h.peer.Addr().Unmap() {
			t.Hop = h.peer.String()
		}
	}
	d.d.Targets = append(d.d.Targets, t)
	if len(d.d.Targets) == 1 {
		d.changes(m)
	}
}

// unlike are the headers that each hop changes, or that are never twice the same.
func unlike(name string) bool {
	switch name {
	case "via", "route", "record-route", "max-forwards", "content-length", "authorization", "proxy-authorization", "date":
		return true
	}
	return false
}

// headersOf are the values by names in lower case, those of each joined.
func headersOf(m *message.Message) map[string]string {
	list := map[string]string{}
	for i := range m.Len() {
		name := strings.ToLower(string(m.Name(i)))
		if id := m.ID(i); id.String() != "" {
			name = strings.ToLower(id.String())
		}
		if unlike(name) {
			continue
		}
		value := string(m.Value(i))
		if before, ok := list[name]; ok {
			value = before + ", " + value
		}
		list[name] = value
	}
	return list
}

// changes notes what the first target gets that the request did not have.
func (d *decider) changes(m *message.Message) {
	d.d.RecordRoute = elements(m, message.HeaderRecordRoute) > elements(d.request, message.HeaderRecordRoute)
	was, is := headersOf(d.request), headersOf(m)
	if string(m.CallID()) != string(d.request.CallID()) { // of another leg, which has its own
		for _, name := range []string{"call-id", "from", "to", "cseq", "contact"} {
			delete(was, name)
			delete(is, name)
		}
	}
	for name, value := range is {
		if was[name] != value {
			d.header(name, value)
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			d.header(name, "")
		}
	}
	if !bytes.Equal(m.Body(), d.request.Body()) {
		d.header("body", digest(m.Body()))
	}
}

func elements(m *message.Message, id message.HeaderID) (n int) {
	for all := m.Elements(id); all.Next(); {
		n++
	}
	return n
}

func (d *decider) header(name, value string) {
	if d.d.Headers == nil {
		d.d.Headers = map[string]string{}
	}
	switch name {
	case "identity", "www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info", "sip-etag":
		value = "(one)" // never twice the same
	}
	if len(d.d.Headers) < mostLines {
		value = strings.Join(strings.Fields(value), " ") // on one line
		d.d.Headers[name] = value[:min(len(value), mostValue)]
	}
}

// digest tells bodies apart.
func digest(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return strconv.Itoa(len(b)) + " bytes, " + hex.EncodeToString(sum[:4])
}

// response notes the headers of a response that the server itself makes.
func (d *decider) response(m *message.Message) {
	for name, value := range headersOf(m) {
		switch name {
		case "from", "to", "call-id", "cseq", "server", "user-agent":
		default:
			d.header(name, value)
		}
	}
	if len(m.Body()) > 0 {
		d.header("body", digest(m.Body()))
	}
	if reason := string(m.ReasonPhrase()); reason != "" {
		d.header("reason", reason)
	}
}
