package dialog

// NOTIFYs of REFERs (RFC 3515 §2.4): those that parties get, and those that they send.

import (
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

const fragType = "message/sipfrag;version=2.0"

// notice is what a NOTIFY says.
type notice struct {
	state string // Subscription-State
	body  []byte
	kind  string // its type
}

// notify sends the party a NOTIFY of the REFER with a number; then is told the answer. A BYE waits
// until all of them are answered.
func (l *Leg) notify(id uint32, n notice, then func(*engine.Response, error)) {
	s := l.within("NOTIFY")
	s.NameContact, s.ContactUser = true, l.contact
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Event", Values: []string{"refer;id=" + strconv.FormatUint(uint64(id), 10)}},
		engine.HeaderEdit{Name: "Subscription-State", Values: []string{n.state}})
	s.Body, s.ContentType = n.body, n.kind
	x := l.more()
	x.notes++
	told := func(res *engine.Response, err error) {
		x.notes--
		if then != nil {
			then(res, err)
		}
		if x.notes == 0 && x.byeWaits {
			x.byeWaits = false
			l.bye()
		}
	}
	if err := l.send(s, told); err != nil {
		told(nil, err)
	}
}

// lastNotices sends what the party is owed before a BYE, and reports whether that must wait.
func (l *Leg) lastNotices() bool {
	x := l.rare
	if x == nil {
		return false
	}
	if r := x.refer; r != nil && r.opened { // as endRare does where the BYE has to wait
		r.notify(503, "", func() {}) // nobody will know any more what comes of it
	}
	x.byeWaits = x.notes > 0
	return x.byeWaits
}

// notified takes a NOTIFY of the party: of a REFER of ours, or of nothing that we know.
func (l *Leg) notified(in *engine.Incoming, m *message.Message) {
	event, params, _ := strings.Cut(string(m.HeaderName("Event")), ";")
	if event = strings.TrimSpace(event); event == "" {
		event, params, _ = strings.Cut(string(m.HeaderName("o")), ";")
	}
	if !strings.EqualFold(strings.TrimSpace(event), "refer") { // RFC 6665 §4.1.3
		_ = in.Answer(489, "", l.tag, &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Allow-Events", Values: []string{"refer"}}}})
		return
	}
	x := l.sentRefer(params)
	if x == nil {
		_ = in.Answer(481, "", l.tag, nil)
		return
	}
	state := unfolded(string(m.HeaderName("Subscription-State")))
	if state == "" || len(state) > longestReason || sendable([]engine.HeaderEdit{{Name: "Subscription-State", Values: []string{state}}}) == nil {
		_ = in.Answer(400, "", l.tag, nil)
		return
	}
	x.heard(in, notice{state: state, body: clone(m.Body()), kind: string(m.Header(message.HeaderContentType))})
}

// sentRefer is the REFER of ours that the parameters of an Event name; without an id the only one.
func (l *Leg) sentRefer(params string) *sentRefer {
	if l.rare == nil {
		return nil
	}
	for _, p := range strings.Split(params, ";") {
		if name, value, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "id") {
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
			for _, x := range l.rare.refers {
				if err == nil && x.id == uint32(id) {
					return x
				}
			}
			return nil
		}
	}
	if len(l.rare.refers) == 1 {
		return l.rare.refers[0]
	}
	return nil
}

// ends reports whether a Subscription-State ends the subscription; otherwise it is how long that
// lasts, 0 if it does not say.
func (n *notice) ends() (over bool, lasts time.Duration) {
	parts := strings.Split(n.state, ";")
	if strings.EqualFold(strings.TrimSpace(parts[0]), "terminated") {
		return true, 0
	}
	for _, p := range parts[1:] {
		if name, value, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "expires") {
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
				lasts = time.Duration(n) * time.Second
			}
		}
	}
	return false, lasts
}

// status is the code in the status line of the body; 0 for none.
func (n *notice) status() int {
	if !message.IsMediaType([]byte(n.kind), "message/sipfrag") {
		return 0
	}
	line, _, _ := strings.Cut(string(n.body[:min(len(n.body), longestReason)]), "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	number, _, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(number)
	if err != nil || !strings.EqualFold(version, "SIP/2.0") || code < 100 || code > 699 {
		return 0
	}
	return code
}
