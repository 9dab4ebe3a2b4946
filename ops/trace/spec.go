package trace

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// WriteSpec writes a call as a spec that `sipscript test` runs: phones do what the parties did, and
// expect what they got. What the script asked elsewhere (HTTP, databases) and passwords are not
// known: comments say where they belong.
func WriteSpec(w io.Writer, c *Call) error {
	s := &specWriter{call: c, phones: map[string]*specPhone{}, dialogs: map[string]*specDialog{}}
	for i := range c.Events {
		s.event(&c.Events[i])
	}
	_, err := w.Write(s.text())
	return err
}

// shortest is a pause that a spec repeats.
const shortest = 500 * time.Millisecond

// specWriter follows a call as its phones saw it.
type specWriter struct {
	call    *Call
	phones  map[string]*specPhone // by address
	order   []*specPhone
	dialogs map[string]*specDialog // by address and CSeq method of what began them
	steps   []string               // modules that the script asked elsewhere, with their lines
	lookup  bool                   // what is sent now goes to registrations
	body    bytes.Buffer
	last    time.Time // of the last line
	serial  int
	seen    map[string]bool
	msg     message.Message
}

// specPhone is a party.
type specPhone struct {
	name, uri string
	addr      netip.AddrPort
	transport string
	at        bool // its URI has its address
	callee    bool
	password  bool
	registers bool
}

// specDialog is a request that a phone has sent or got, and the dialog it began.
type specDialog struct {
	name      string // of the variable
	phone     *specPhone
	caller    bool // the phone sent the request
	answered  bool // finally
	cancelled bool
	cseq      uint32
	ended     bool
}

// asks are modules whose answers come from outside.
func asks(function string) bool {
	for _, m := range []string{"http.", "sql.", "redis.", "rtpengine.", "enum.", "db:", "r:"} {
		if strings.HasPrefix(function, m) {
			return true
		}
	}
	return false
}

func (s *specWriter) event(e *Event) {
	if e.Text == "" {
		if asks(e.Function) {
			s.steps = append(s.steps, e.words())
		}
		switch {
		case e.Function == "registrar.lookup":
			s.lookup = !strings.HasPrefix(e.Answer, "nil")
		case e.Kind == "decision" && strings.HasPrefix(e.Answer, "sip"):
			s.lookup = false
		}
		return
	}
	if e.Kind == "unsent" {
		return
	}
	if err := s.msg.Parse(e.bytes(), &message.Limits{}); err != nil {
		start, _, _ := strings.Cut(e.Text, "\n")
		why := "could not be read"
		if e.Length > len(e.bytes()) {
			why = fmt.Sprintf("had %d bytes, of which too few are remembered", e.Length)
		}
		s.line(e, "-- A message is missing here, which %s: %s", why, strings.Map(oneLine, start))
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	key := e.Kind + e.Peer + e.Text
	if s.seen[key] { // again: phones retransmit by themselves
		return
	}
	s.seen[key] = true
	cseq, err := s.msg.CSeq()
	if err != nil {
		return
	}
	switch received := e.Kind == "received"; {
	case s.msg.IsRequest() && received:
		s.asked(e, cseq)
	case s.msg.IsRequest():
		s.wasAsked(e, cseq)
	case received:
		s.answers(e, cseq)
	default:
		s.gets(e, cseq)
	}
}

// line writes a line of the spec, and what time passed before it.
func (s *specWriter) line(e *Event, format string, args ...any) {
	at := when(e.At)
	if pause := at.Sub(s.last); !s.last.IsZero() && pause >= shortest {
		fmt.Fprintf(&s.body, "  t.advance(%s)\n", strconv.FormatFloat(pause.Round(100*time.Millisecond).Seconds(), 'f', -1, 64))
	}
	s.last = at
	fmt.Fprintf(&s.body, "  "+format+"\n", args...)
}

// dialog finds what a message of a phone is about.
func (s *specWriter) dialog(e *Event, method string) *specDialog {
	return s.dialogs[e.Peer+" "+string(s.msg.CallID())+" "+method]
}

// within is the call of a phone that a message belongs to.
func (s *specWriter) within(e *Event) *specDialog { return s.dialog(e, "INVITE") }

func (s *specWriter) open(e *Event, d *specDialog, method string) *specDialog {
	s.dialogs[e.Peer+" "+string(s.msg.CallID())+" "+method] = d
	return d
}

// asked: a phone sends a request.
func (s *specWriter) asked(e *Event, cseq message.CSeq) {
	method := string(s.msg.MethodText())
	d := s.within(e)
	switch {
	case method == "ACK":
		return
	case method == "CANCEL":
		if d != nil && !d.cancelled {
			d.cancelled = true
			s.line(e, "%s:cancel()", d.name)
		}
		return
	case method == "BYE" && d != nil:
		d.ended = true
		s.line(e, "%s:bye()", d.name)
		return
	case len(s.msg.ToTag()) > 0 && d != nil:
		name := s.variable("request")
		s.line(e, "local %s = %s:send{ method = %s%s }", name, d.name, luaText(method), s.content())
		s.open(e, &specDialog{name: name, phone: d.phone, caller: true, cseq: cseq.Number}, method+" within")
		return
	}
	if first := s.dialog(e, method); first != nil { // with credentials, by itself
		first.answered, first.cseq = false, cseq.Number
		return
	}
	p := s.phone(e, false)
	name := s.variable(map[bool]string{true: "call", false: "request"}[method == "INVITE"])
	if method == "INVITE" {
		s.line(e, "local %s = %s:invite(%s%s)", name, p.name, luaText(s.msg.RequestURI()), s.options())
	} else {
		s.line(e, "local %s = %s:send{ method = %s, uri = %s%s }", name, p.name, luaText(method), luaText(s.msg.RequestURI()), s.content())
	}
	s.open(e, &specDialog{name: name, phone: p, caller: true, cseq: cseq.Number}, method)
}

// wasAsked: a phone gets a request.
func (s *specWriter) wasAsked(e *Event, cseq message.CSeq) {
	method := string(s.msg.MethodText())
	d := s.within(e)
	switch {
	case method == "ACK" || s.msg.AnyAck():
	case method == "CANCEL":
		if d != nil && !d.cancelled {
			d.cancelled = true
			s.line(e, "%s:expect(%s)", d.phone.name, luaText(method))
		}
	case len(s.msg.ToTag()) > 0 && d != nil:
		name := s.variable("leg")
		if method == "BYE" {
			d.ended = true
			s.line(e, "%s:expect(%s)", d.name, luaText(method))
			return
		}
		s.line(e, "local %s = %s:expect(%s)", name, d.name, luaText(method))
		s.open(e, &specDialog{name: name, phone: d.phone, cseq: cseq.Number}, method+" within")
	default:
		p := s.phone(e, true)
		name := s.variable("leg")
		s.line(e, "local %s = %s:expect(%s)", name, p.name, luaText(method))
		s.open(e, &specDialog{name: name, phone: p, cseq: cseq.Number}, method)
	}
}

// about is the request that a response is to.
func (s *specWriter) about(e *Event, cseq message.CSeq) *specDialog {
	method := string(cseq.Text)
	if method == "CANCEL" || method == "BYE" || method == "PRACK" {
		return nil
	}
	if d := s.dialog(e, method+" within"); d != nil && d.cseq == cseq.Number {
		return d
	}
	if d := s.dialog(e, method); d != nil && d.cseq == cseq.Number {
		return d
	}
	return nil
}

// answers: a phone answers.
func (s *specWriter) answers(e *Event, cseq message.CSeq) {
	d, code := s.about(e, cseq), s.msg.Status()
	if d == nil || d.caller || d.answered || code == 100 || code == 487 && d.cancelled {
		return
	}
	d.answered = code >= 200
	options := ""
	if s.hasSDP() {
		options = ", { sdp = true }"
	}
	s.line(e, "%s:reply(%d%s)", d.name, code, options)
}

// gets: a phone gets an answer.
func (s *specWriter) gets(e *Event, cseq message.CSeq) {
	d, code := s.about(e, cseq), s.msg.Status()
	if d == nil || !d.caller || d.answered || code == 100 {
		return
	}
	if code == 401 || code == 407 {
		if s.retried(e, d, cseq) {
			d.phone.password = true
			return
		}
	}
	d.answered = code >= 200
	s.line(e, "%s:expect(%d)", d.name, code)
}

// retried reports whether the phone sends the request again, with credentials.
func (s *specWriter) retried(e *Event, d *specDialog, cseq message.CSeq) bool {
	var m message.Message
	return slices.ContainsFunc(s.call.Events, func(x Event) bool {
		if x.Kind != "received" || x.Peer != e.Peer || x.At < e.At || m.Parse(x.bytes(), &message.Limits{}) != nil || !m.IsRequest() {
			return false
		}
		again, err := m.CSeq()
		return err == nil && again.Number > cseq.Number && string(again.Text) == string(cseq.Text) && !d.ended &&
			(m.Header(message.HeaderAuthorization) != nil || m.Header(message.HeaderProxyAuthorization) != nil)
	})
}

func (s *specWriter) variable(kind string) string {
	s.serial++
	return kind + strconv.Itoa(s.serial)
}

func (s *specWriter) hasSDP() bool {
	return bytes.Contains(bytes.ToLower(s.msg.Header(message.HeaderContentType)), []byte("application/sdp"))
}

// options are those of invite.
func (s *specWriter) options() string {
	if s.hasSDP() {
		return ", { sdp = true }"
	}
	return ""
}

// content is the body of a request, with a comma before it.
func (s *specWriter) content() string {
	if s.hasSDP() {
		return ", sdp = true"
	}
	body := s.msg.Body()
	if len(body) == 0 || len(body) > 500 {
		return ""
	}
	return fmt.Sprintf(", body = %s, content_type = %s", luaText(body), luaText(s.msg.Header(message.HeaderContentType)))
}
