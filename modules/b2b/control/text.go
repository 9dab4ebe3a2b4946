package control

// What is said, as JSON.

import (
	"encoding/json"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
)

// Info is a leg as clients have it.
type Info struct {
	ID     string `json:"id"`               // names it
	CallID string `json:"call_id"`          // of its messages
	State  string `json:"state"`            // ringing, calling, answered or ended
	From   string `json:"from"`             // the URI of who called
	To     string `json:"to"`               // the URI of who was called
	Peer   string `json:"peer,omitempty"`   // the id of the leg that it is bridged with
	Master string `json:"master,omitempty"` // the name of the session whose orders it obeys
	Why    string `json:"why,omitempty"`    // it has ended
}

// info describes a leg. The token of its lane is held.
func (h *Hub) info(l *dialog.Leg) Info {
	i := Info{ID: h.o.ID(l), CallID: l.CallID(), State: string(l.State()), From: cut(l.From()), To: cut(l.To())}
	if p := l.Peer(); p != nil {
		i.Peer = h.o.ID(p)
	}
	if s := h.place(l).master(l); s != nil {
		i.Master = s.name
	}
	if l.State() == dialog.Ended {
		i.Why = l.Why()
	}
	return i
}

// cut is the beginning of a text that strangers have written, as long as it may be.
func cut(text string) string {
	if len(text) > mostURI {
		return text[:mostURI]
	}
	return text
}

// eventText is an event without its number: what follows "{".
func eventText(kind string, about map[string]any) []byte {
	about["event"] = kind
	return tail(about)
}

// tail is an object without its first brace. Texts that are not UTF-8 become so.
func tail(object map[string]any) []byte {
	text, err := json.Marshal(object)
	if err != nil { // of values that we made
		text, _ = json.Marshal(map[string]any{"event": "failed", "about": err.Error()})
	}
	return text[1:]
}

// seconds are those of a duration, as options have them.
func seconds(d time.Duration) float64 { return d.Seconds() }
