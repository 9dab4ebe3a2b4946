package trace

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Tell tells a call in sentences: what it was, how it ended, and step by step what happened and
// why.
func (c *Call) Tell() string {
	var b strings.Builder
	b.WriteString(c.title())
	b.WriteString(c.outcome())
	b.WriteString("\n")
	t := &teller{call: c, view: emptyView(), b: &b}
	for i := range c.Events {
		t.event(&c.Events[i])
	}
	return b.String()
}

// title says which call it is.
func (c *Call) title() string {
	what := "The " + c.Method + " request"
	if c.Method == "INVITE" {
		what = "The call"
	}
	text := fmt.Sprintf("%s %s was begun by %s for %s at %s, from %s.\n", what, c.ID, c.From, c.URI, strings.Replace(c.Began[:19], "T", " ", 1), c.Source)
	if len(c.Others) > 0 {
		text += fmt.Sprintf("Others know it as %s.\n", strings.Join(c.Others, ", "))
	}
	if c.Session != "" {
		text += fmt.Sprintf("Its Session-ID is %s.\n", c.Session)
	}
	if c.Name != "" {
		text += fmt.Sprintf("The script marked it as %q.\n", c.Name)
	}
	return text
}

// outcome says how it went.
func (c *Call) outcome() string {
	switch c.State {
	case "trying":
		return "It has no answer yet.\n"
	case "ringing":
		return fmt.Sprintf("It has been ringing since second %.1f.\n", c.Rang)
	case "failed":
		if c.EndedBy == "caller" {
			return fmt.Sprintf("The caller gave up, and got %d after %s.\n", c.Code, seconds(c.Answered))
		}
		return fmt.Sprintf("It failed: the caller got %d after %s.\n", c.Code, seconds(c.Answered))
	case "answered":
		if c.Method != "INVITE" {
			return fmt.Sprintf("It was answered %d after %s.\n", c.Code, seconds(c.Answered))
		}
		return fmt.Sprintf("It was answered after %s, and has not ended.\n", seconds(c.Answered))
	case "ended":
		return fmt.Sprintf("It was answered after %s and ended by the %s after %s.\n", seconds(c.Answered), c.EndedBy, seconds(c.Ended))
	}
	return ""
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", s*1000)
	}
	return fmt.Sprintf("%.1f s", s)
}

// teller tells events one by one.
type teller struct {
	call *Call
	view *view
	b    *strings.Builder
}

func (t *teller) event(e *Event) {
	h := t.view.add(e)
	at := when(e.At).Sub(t.view.began).Seconds()
	var text string
	switch {
	case e.Kind == "decision":
		text = t.decision(e)
	case e.Kind == "step":
		text = t.step(e)
	case h == nil || strings.HasSuffix(h.Label, " again"):
		if h != nil {
			text = fmt.Sprintf("%s: again", h.Label[:len(h.Label)-6])
		}
	default:
		text = t.message(e, h.Note)
	}
	if text != "" {
		fmt.Fprintf(t.b, "%10.3f  %s.\n", at, unfold(text))
	}
}

// decision: the script takes one.
func (t *teller) decision(e *Event) string {
	text := fmt.Sprintf("%s: the script calls %s", filepath.Base(e.Place), e.Function)
	if e.Function == "error" {
		return fmt.Sprintf("%s: the script fails: %s", filepath.Base(e.Place), e.Answer)
	}
	if e.Answer != "" {
		text += " with " + e.Answer
	}
	return text
}

// step: something was found out, or happened by itself.
func (t *teller) step(e *Event) string {
	switch {
	case e.Place == "":
		return e.Function + " " + e.Answer
	case e.Function == "sip.trace":
		return fmt.Sprintf("%s: the script marks it as %q", filepath.Base(e.Place), e.Answer)
	case e.Answer == "":
		return fmt.Sprintf("%s: the script calls %s", filepath.Base(e.Place), e.Function)
	}
	return fmt.Sprintf("%s: %s says %s", filepath.Base(e.Place), e.Function, e.Answer)
}

// message: one came or went.
func (t *teller) message(e *Event, because string) string {
	var m message.Message
	if m.Parse(e.bytes(), &message.Limits{}) != nil && m.CallID() == nil {
		return ""
	}
	cseq, _ := m.CSeq()
	peer := t.name(e.Peer)
	what := fmt.Sprintf("%d %s to the %s", m.Status(), m.ReasonPhrase(), cseq.Text)
	if m.IsRequest() {
		what = fmt.Sprintf("%s %s", m.MethodText(), m.RequestURI())
	}
	switch e.Kind {
	case "received":
		text := fmt.Sprintf("%s sends %s by %s", peer, what, e.Transport)
		if reason := m.Header(message.HeaderReason); reason != nil {
			text += fmt.Sprintf(", with the reason %s", reason)
		}
		return text
	case "unsent":
		return fmt.Sprintf("%s gets nothing of %s: %s", peer, what, e.Answer)
	}
	if because != "" {
		because = ", because of " + strings.Join(strings.Fields(because), " in ")
	}
	return fmt.Sprintf("%s is sent %s by %s%s", peer, what, e.Transport, because)
}

// name is the name of a party's column.
func (t *teller) name(peer string) string {
	a := addrOf(peer)
	for _, p := range t.view.parties {
		if p.IP == a.Addr() && p.Port == a.Port() {
			return p.Name
		}
	}
	return peer
}
