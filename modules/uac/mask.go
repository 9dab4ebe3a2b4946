package uac

// This file makes masks.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Party is another From or To: nil fields stay as they are, but a new URI drops the old name.
type Party struct{ URI, Display *string }

// maskOptions are the options of mask.
type maskOptions struct {
	From      *string `lua:"from" doc:"the uri in From"`
	Display   *string `lua:"display" doc:"the name in From; \"\" for none"`
	To        *string `lua:"to" doc:"the uri in To"`
	ToDisplay *string `lua:"to_display" doc:"the name in To; \"\" for none"`
}

// masked is what can be masked: a request or a branch.
type masked interface {
	Message() *message.Message
	Mask(engine.Mask) error
}

// apply masks a message as the options say.
func (o maskOptions) apply(to masked) error {
	if o == (maskOptions{}) {
		return &engine.MisuseError{Text: "takes what to show: {from = ..., display = ...}, {to = ..., to_display = ...}"}
	}
	return to.Mask(MaskOf(to.Message(), Party{o.From, o.Display}, Party{o.To, o.ToDisplay}))
}

// MaskOf is the mask that shows from and to in place of what m has.
func MaskOf(m *message.Message, from, to Party) (k engine.Mask) {
	if a, err := m.From(); err == nil {
		k.From = from.over(&a)
	}
	if a, err := m.To(); err == nil {
		k.To = to.over(&a)
	}
	return k
}

// over is the header's text for p in place of a; "" if p changes nothing.
func (p *Party) over(a *message.Address) string {
	if p.URI == nil && p.Display == nil {
		return ""
	}
	uri := string(a.URI)
	if p.URI != nil {
		uri = *p.URI
	}
	if p.Display == nil || *p.Display == "" {
		return "<" + uri + ">"
	}
	return quote(*p.Display) + " <" + uri + ">"
}

// quote writes a display name as a quoted string (§25.1).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
