package control

// What is said, as JSON.

import (
	"encoding/json"
	"sync/atomic"
	"time"
	"unicode/utf8"

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
func (h *Hub) info(l *dialog.Leg) Info { return h.described(l, mostURI) }

// listed is a leg among many: briefly, as one of them must not take the room of the others.
func (h *Hub) listed(l *dialog.Leg) json.RawMessage {
	text, _ := json.Marshal(h.described(l, mostBrief)) // of texts
	return text
}

func (h *Hub) described(l *dialog.Leg, most int) Info {
	i := Info{ID: h.o.ID(l), CallID: cut(l.CallID(), most), State: string(l.State()), From: cut(l.From(), most), To: cut(l.To(), most)}
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

// budget is what lanes share that make a list together.
type budget struct{ legs, bytes atomic.Int64 }

func newBudget(legs, bytes int64) *budget {
	b := &budget{}
	b.legs.Store(legs)
	b.bytes.Store(bytes)
	return b
}

// take reports whether there is room for one more leg, of so many bytes.
func (b *budget) take(n int) bool { return b.legs.Add(-1) >= 0 && b.bytes.Add(-int64(n)) >= 0 }

func (b *budget) spent() bool { return b.legs.Load() <= 0 || b.bytes.Load() <= 0 }

// cut is the beginning of a text that strangers have written: as JSON it has no more than so many
// bytes.
func cut(text string, most int) string {
	n := 0
	for i, r := range text {
		switch {
		case r == utf8.RuneError || r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
			n += len(`\u0000`)
		case r == '"' || r == '\\':
			n += 2
		default:
			n += utf8.RuneLen(r)
		}
		if n > most {
			return text[:i]
		}
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
