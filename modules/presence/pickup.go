package presence

// This file lets a lamp be picked up: an INVITE with Replaces (RFC 3891) that was made of a dialog
// document.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
)

// pickUp has Replaces name the call by the Call-ID that its recipient knows. Where topology.hide
// gives each side one of its own, a document about one party has that party's, and the INVITE may
// go to the other one. The tags say which call it is, and are the same on both sides.
func (p *Presence) pickUp(req *engine.Request) {
	m := req.Message()
	value := string(m.HeaderName("Replaces"))
	uri, err := message.ParseURI(m.RequestURI())
	if value == "" || len(value) > 1024 || err != nil || !uri.IsSIP() {
		return
	}
	id, params, _ := strings.Cut(value, ";")
	tag := func(name string) string {
		text, _ := message.Params([]byte(";" + params)).Get(name)
		return string(text)
	}
	to, from := tag("to-tag"), tag("from-tag")
	if to == "" || from == "" {
		return
	}
	aor := string(req.Engine().AppendAddress(nil, &uri))
	for _, d := range append(p.shared.documents(aor), &dialoginfo.Document{Dialogs: p.lamps.dialogs(aor)}) {
		for i := range d.Dialogs {
			// The recipient's own tag is to-tag (RFC 3891 §3)
			if o := &d.Dialogs[i]; o.Local == to && o.Remote == from && o.CallID != "" && o.CallID != strings.TrimSpace(id) {
				if err := req.SetHeader("Replaces", o.CallID+";"+params); err != nil {
					req.Engine().Log().Debug("Replaces can't be changed", "error", err)
				}
				return
			}
		}
	}
}
