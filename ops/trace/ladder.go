package trace

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/ladder"
)

// Ladder draws a call: who sent what to whom, with the call of the script that is behind it, and,
// with steps, what the script found out in between.
func (c *Call) Ladder() string {
	v := newView(c)
	return ladder.Draw(v.parties, v.hops, 0)
}

// view is a call as it is drawn. It also draws events as they come.
type view struct {
	began    time.Time
	server   netip.AddrPort // stands for all addresses of the server
	locals   map[netip.AddrPort]bool
	parties  []ladder.Party
	known    map[netip.AddrPort]bool
	hops     []ladder.Hop
	seen     map[string]bool   // messages
	deciding map[string]string // by CSeq: what is behind what is sent
	branches map[string]string // by the branch of the Via: what the request was sent because of
	msg      message.Message
}

func newView(c *Call) *view {
	v := emptyView()
	for i := range c.Events {
		v.add(&c.Events[i])
	}
	return v
}

func emptyView() *view {
	return &view{locals: map[netip.AddrPort]bool{}, known: map[netip.AddrPort]bool{}, seen: map[string]bool{}, deciding: map[string]string{}, branches: map[string]string{}}
}

// add takes in an event, and returns its hop; nil for none.
func (v *view) add(e *Event) *ladder.Hop {
	if v.began.IsZero() {
		v.began = when(e.At)
	}
	if e.Text == "" {
		v.step(e)
		return nil
	}
	peer := addrOf(e.Peer)
	if err := v.msg.Parse(e.bytes(), &message.Limits{}); err != nil && v.msg.CallID() == nil {
		return nil
	}
	local := addrOf(e.Local)
	if !v.server.IsValid() && local.IsValid() {
		v.server = local
	}
	v.party(peer, e.Kind != "received")
	h := ladder.Hop{At: when(e.At).Sub(v.began), From: peer, To: v.server, Label: unfold(ladder.Label(&v.msg))}
	if e.Kind != "received" {
		h.From, h.To, h.Lost = v.server, peer, e.Kind == "unsent"
		h.Note = v.behind()
		if e.Answer != "" {
			h.Note = unfold(e.Answer)
		}
	}
	key := e.Kind + e.Peer + e.Text
	if v.seen[key] {
		h.Label += " again"
	}
	v.seen[key] = true
	v.hops = append(v.hops, h)
	return &h
}

// party makes a column for an address, named after the user who is there as far as that is known.
func (v *view) party(a netip.AddrPort, callee bool) {
	if v.known[a] {
		return
	}
	v.known[a] = true
	name := ""
	if u, err := message.ParseURI(v.msg.RequestURI()); err == nil && callee && v.msg.IsRequest() {
		name = string(u.User)
	}
	if from, err := v.msg.From(); err == nil && !callee && v.msg.IsRequest() {
		if u, err := message.ParseURI(from.URI); err == nil {
			name = string(u.User)
		}
	}
	if len(name) > 20 { // a token, or the user of a GRUU
		name = ""
	}
	if name != "" {
		name += " "
	}
	v.parties = append(v.parties, ladder.Party{Name: name + a.String(), IP: a.Addr(), Port: a.Port()})
	if len(v.parties) == 1 {
		v.parties = append(v.parties, ladder.Party{Name: "server", IP: v.server.Addr(), Port: v.server.Port()})
	}
}

// step notes what is behind what is sent for a request. A function that lets pass is behind
// nothing.
func (v *view) step(e *Event) {
	key := fmt.Sprint(e.CSeq)
	what := e.Function + "  " + filepath.Base(e.Place)
	switch {
	case e.Kind == "decision":
		v.deciding[key+" before"] = v.deciding[key]
		v.deciding[key] = what
	case v.deciding[key] == what && !strings.HasPrefix(e.Answer, "false"):
		v.deciding[key] = v.deciding[key+" before"]
	}
}

// behind is what the message is sent because of.
func (v *view) behind() string {
	cseq, err := v.msg.CSeq()
	if err != nil {
		return ""
	}
	what := v.deciding[fmt.Sprint(cseq.Number)]
	if !v.msg.IsRequest() {
		return what
	}
	via, err := v.msg.TopVia()
	if err != nil {
		return what
	}
	branch := string(via.Branch())
	if first := v.branches[branch]; first != "" { // a CANCEL, or the ACK of a refusal
		return first
	}
	v.branches[branch] = what
	return what
}

// Watcher draws ladders of many calls as their events come.
type Watcher struct {
	calls map[string]*view
	order []string
}

// mostWatched bounds the calls whose columns a Watcher remembers.
const mostWatched = 1000

// NewWatcher makes a Watcher.
func NewWatcher() *Watcher { return &Watcher{calls: map[string]*view{}} }

// Add returns the lines for an event: of the first of a call, or when a party joins it, its
// header first.
func (w *Watcher) Add(e *Event) string {
	v := w.calls[e.CallID]
	if v == nil {
		v = emptyView()
		w.calls[e.CallID] = v
		if w.order = append(w.order, e.CallID); len(w.order) > mostWatched {
			delete(w.calls, w.order[0])
			w.order = w.order[1:]
		}
	}
	columns := len(v.parties)
	h := v.add(e)
	if h == nil {
		if e.Text == "" && e.Kind == "step" {
			return fmt.Sprintf("%10.3f  %s\n", when(e.At).Sub(v.began).Seconds(), e.words())
		}
		return ""
	}
	d := ladder.NewDrawing(v.parties, append(v.hops[:len(v.hops):len(v.hops)], *h))
	text := ""
	if columns != len(v.parties) {
		text = fmt.Sprintf("\n%s  %s\n%s", e.At[11:19], e.CallID, d.Header())
	}
	return text + d.Line(*h)
}

// words are what a step says.
func (e *Event) words() string {
	text := e.Function
	if e.Answer != "" {
		text += ": " + unfold(e.Answer)
	}
	if e.Place != "" {
		text = filepath.Base(e.Place) + "  " + text
	}
	return text
}
