package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// domain is where the users of phones are at home.
const domain = "example.com"

// Writer writes the requests of a phone, and knows the dialogs that its subscriptions made. A
// [Phone] has one, and so have phones on real sockets.
//
// Wherever header lines are asked for ("Expires: 60", or several with CRLF between them), one takes
// the place of the line by that name which would be there without it, and one without a value takes
// it away.
type Writer struct {
	User    string             // "alice": of From and Contact, and whom it registers
	Own     netip.AddrPort     // its address, in Via and Contact
	Kind    transport.Kind     // what its Via says
	Always  string             // header lines of each request
	CSeq    int                // of the last request
	Dialogs map[string]*Dialog // its subscriptions, by Call-ID
}

// Dialog is a subscription of a phone's own.
type Dialog struct {
	URI   string // the remote target
	To    string // the value of the header, with the tag there is
	Event string // the value of the header
}

// AOR is the address of record of a user, or what is a URI already.
func AOR(user string) string {
	if strings.Contains(user, ":") {
		return user
	}
	return "sip:" + user + "@" + domain
}

// withContact are the methods whose requests have one (RFC 3261 §8.1.1.8, RFC 6665 §4.1.2).
var withContact = []string{"REGISTER", "INVITE", "SUBSCRIBE"}

// Request is the text of the next request: outside of any dialog, unless lines say else. A REGISTER
// is the user's.
func (w *Writer) Request(method, uri, body string, lines ...string) []byte {
	if w.CSeq++; method == "ACK" || method == "CANCEL" {
		w.CSeq--
	}
	from := AOR(w.User)
	to, id := uri, fmt.Sprintf("%s-%s-%d", w.User, w.Own, w.CSeq)
	if method == "REGISTER" {
		to, id = from, "reg-"+w.Own.String()
	}
	list := []string{fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=z9hG4bK%s%d%d", w.Kind.Via(), w.Own, w.User, w.Own.Port(), w.CSeq), "Max-Forwards: 70",
		"From: <" + from + ">;tag=" + w.User, "To: <" + to + ">", "Call-ID: " + id, fmt.Sprintf("CSeq: %d %s", w.CSeq, method)}
	if slices.Contains(withContact, method) {
		list = append(list, fmt.Sprintf("Contact: <sip:%s@%s>", w.User, w.Own))
	}
	list = replace(replace(list, w.Always), strings.Join(lines, "\r\n"))
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\n%s\r\nContent-Length: %d\r\n\r\n%s", method, uri, strings.Join(list, "\r\n"), len(body), body)
}

// replace puts lines among others, each in the place of those by its name.
func replace(list []string, lines string) []string {
	n := len(list)
	for line := range strings.SplitSeq(lines, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if name == "" {
			continue
		}
		at := slices.IndexFunc(list[:n], func(l string) bool { return strings.HasPrefix(l, name+":") })
		switch {
		case at < 0 && value != "":
			list = append(list, line)
		case at >= 0 && strings.TrimSpace(value) == "":
			list = slices.Delete(list, at, at+1)
			n--
		case at >= 0:
			list[at] = line
		}
	}
	return list
}

// with are header lines and those that they do not replace.
func with(lines []string, others ...string) string {
	return strings.Join(replace(others, strings.Join(lines, "\r\n")), "\r\n")
}

// Subscription is the text of a SUBSCRIBE that begins a subscription to a user, and its Call-ID.
func (w *Writer) Subscription(user, event string, lines ...string) (text []byte, id string) {
	id = fmt.Sprintf("%s-%s-%d", w.User, w.Own, w.CSeq+1)
	return w.Request("SUBSCRIBE", AOR(user), "", with(lines, "Event: "+event)), id
}

// Subscribed keeps the dialog that the answer to a SUBSCRIBE makes, if it does.
func (w *Writer) Subscribed(user, event string, m *message.Message) error {
	if m.Status() != 200 {
		return nil
	}
	contact, err := message.ParseAddress(m.Header(message.HeaderContact))
	if err != nil {
		return err
	}
	if w.Dialogs == nil {
		w.Dialogs = map[string]*Dialog{}
	}
	w.Dialogs[string(m.CallID())] = &Dialog{URI: string(contact.URI), To: "<" + AOR(user) + ">;tag=" + string(m.ToTag()), Event: event}
	return nil
}

// Refresh is the text of the next SUBSCRIBE of a dialog.
func (w *Writer) Refresh(id string, lines ...string) []byte {
	d := w.Dialogs[id]
	return w.Request("SUBSCRIBE", d.URI, "", with(lines, "To: "+d.To, "Call-ID: "+id, "Event: "+d.Event))
}

// documents are the types of what is published of an event.
var documents = map[string]string{"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml", "message-summary": "application/simple-message-summary"}

// Publication is the text of a PUBLISH of the phone's own user.
func (w *Writer) Publication(event, body string, lines ...string) []byte {
	head := []string{"Event: " + event}
	if body != "" {
		head = append(head, "Content-Type: "+documents[event])
	}
	return w.Request("PUBLISH", AOR(w.User), body, with(lines, head...))
}
