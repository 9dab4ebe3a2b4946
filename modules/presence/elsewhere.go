package presence

// This file is watchers at other nodes, and how they come to another one.

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// elsewhere is a subscription as all nodes know it. It is not changed.
type elsewhere struct {
	note
	text string // the whole note
}

// note is what nodes tell each other of a subscription.
type note struct {
	Node string
	Row  *row `json:",omitempty"` // nil: it ends with its node
	// What all nodes want to know without reading Row
	ID, Watcher, Asked string
	Key                string // of the resource
	Mode               Mode
	Members            []member `json:",omitempty"` // of a list
	Approved           bool     `json:",omitempty"`
	Until              int64
	End                string `json:",omitempty"` // why it is over
}

// member is one of a list, and what may be seen of it.
type member struct {
	AOR  string
	Mode Mode
}

// order is what a node asks the one that has a subscription.
type order struct {
	Modes map[string]Mode `json:",omitempty"` // by address: of one
	End   string          `json:",omitempty"`
	Retry time.Duration   `json:",omitempty"`
}

// asked is an order on its way, and grave a subscription of this node that is over.
type asked struct {
	text string
	at   lane.Time
}

type grave struct {
	dialog string
	w      *elsewhere
	at     lane.Time
}

// tidy forgets what all others have heard by now, or have no use for any more. away: they can't
// have heard it. mu is held.
func (s *shared) tidy(now lane.Time, away bool) {
	for key, o := range s.orders {
		w := s.watchers[dialogOf(key)] // which it is about
		if !away && now.Sub(o.at) > s.kept() || w == nil || w.Node == s.self {
			delete(s.orders, key)
		}
	}
	kept := s.kept()
	if away { // until the others see by themselves that it has ended
		kept = max(kept, s.p.Policy().MaxExpires)
	}
	n := 0
	for ; n < len(s.graves) && (now.Sub(s.graves[n].at) > kept || len(s.graves)-n > mostGraves); n++ {
		if g := &s.graves[n]; s.watchers[g.dialog] == g.w {
			delete(s.watchers, g.dialog)
		}
	}
	s.graves = append(s.graves[:0:0], s.graves[n:]...)
}

// mostGraves bounds them. Of one more the others hear when it would have ended by itself.
const mostGraves = 1 << 17

// repeat says again, now that Redis is back, what may have ended there before anybody heard it. mu
// is held.
func (s *shared) repeat(now lane.Time) {
	for key, o := range s.orders {
		o.at = now
		s.orders[key] = o
		s.set.Changed(redisset.Entry{Key: orderKind + key, Ends: s.wall().Add(s.kept())})
	}
	for i := range s.graves {
		if g := &s.graves[i]; s.watchers[g.dialog] == g.w {
			g.at = now
			s.set.Changed(redisset.Entry{Key: watcherKind + g.dialog, Ends: s.wall().Add(s.kept())})
		}
	}
}

// told tells the others of a subscription of this node.
func (s *shared) told(dialog string, n *note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.watchers[dialog]
	if n.End != "" && (old == nil || old.Node != s.self) {
		return // it is another's now, or was told
	}
	n.Node = s.self
	s.enter(dialog, n, jsonOf(n))
	ends := time.UnixMilli(n.Until)
	if n.End != "" {
		ends = s.wall().Add(s.kept())
	}
	s.set.Changed(redisset.Entry{Key: watcherKind + dialog, Ends: ends})
}

// enter notes what is known of a subscription. mu is held.
func (s *shared) enter(dialog string, n *note, text string) {
	s.remove(dialog)
	w := &elsewhere{note: *n}
	switch {
	case w.Node == s.self: // the subscription has the rest
		w.note, w.text = note{Node: s.self, End: n.End}, text
		s.watchers[dialog] = w
		if n.End != "" {
			s.graves = append(s.graves, grave{dialog, w, s.engine.Clock().Now()})
		}
		return
	case n.End != "":
		return
	}
	s.watchers[dialog] = w
	if _, known := s.nodes[w.Node]; !known { // it has time to be heard of
		s.nodes[w.Node] = sibling{heard: s.engine.Clock().Now()}
	}
	for _, key := range w.keys() {
		if s.of[key] == nil {
			s.of[key] = map[string]*elsewhere{}
		}
		s.of[key][dialog] = w
	}
}

func (s *shared) remove(dialog string) {
	w := s.watchers[dialog]
	if w == nil {
		return
	}
	delete(s.watchers, dialog)
	for _, key := range w.keys() {
		if delete(s.of[key], dialog); len(s.of[key]) == 0 {
			delete(s.of, key)
		}
	}
}

// keys are the resources that it is about: a list's are its members'.
func (w *elsewhere) keys() []string {
	if len(w.Members) == 0 {
		return []string{w.Key}
	}
	event, _, _ := strings.Cut(w.Key, " ")
	list := make([]string, len(w.Members))
	for i, m := range w.Members {
		list[i] = resourceKey(eventstate.Key{Package: event, AOR: m.AOR})
	}
	return list
}

// heardWatcher hears of a subscription at another node. mu is held.
func (s *shared) heardWatcher(dialog string, e *redisset.Entry) {
	var n note
	if !e.Gone && json.Unmarshal([]byte(e.Value), &n) != nil {
		return
	}
	mine := s.p.core.ByDialog(dialog)
	switch {
	case e.Gone:
		n.End = "timeout"
	case n.Node == s.self:
		return
	}
	if mine != nil {
		if n.End != "" { // of a node that did not know that it is here
			s.set.Changed(redisset.Entry{Key: watcherKind + dialog, Ends: mine.Until()})
			return
		}
		s.p.core.Leave(mine)
	}
	old := s.watchers[dialog]
	if old == nil && n.End != "" {
		return
	}
	s.enter(dialog, &n, e.Value)
	about := s.watchers[dialog]
	if n.End != "" {
		about = old
	}
	if about.Node == s.self { // the subscription itself has told it
		return
	}
	for _, key := range about.keys() {
		s.heardAbout(key, about.ID, &n)
	}
}

// heardAbout tells who watches watchers, and the others who is in a call that is watched now.
func (s *shared) heardAbout(key, id string, n *note) {
	event, aor, _ := strings.Cut(key, " ")
	s.p.core.Changed(resourceKey(eventstate.Key{Package: event + winfoSuffix, AOR: aor}), func(f notifier.Feed) {
		if o, ok := f.(*winfoFeed); ok && n.End != "" {
			o.left(id, n.End)
		}
	})
	if event == PackageDialog && n.End == "" {
		s.lampLocked(aor)
	}
}

// inherit goes on with the subscriptions of nodes that are gone: each of the living takes a share.
// mu is held.
func (s *shared) inherit() {
	n := 0
	for _, w := range s.watchers {
		if _, lives := s.nodes[w.Node]; !lives && w.Node != s.self && w.End == "" {
			n++
		}
	}
	if n == 0 {
		return
	}
	spread := min(time.Duration(n)*restorePace, restoreSpread)
	for dialog, w := range s.watchers {
		if w.Node == s.self || w.End != "" {
			continue
		}
		if _, lives := s.nodes[w.Node]; lives || !s.chosen(dialog) {
			continue
		}
		if w.Row == nil || !s.p.revive(s.engine, s.here(w.Row), spread) {
			n := note{Node: w.Node, End: "deactivated"}
			for _, key := range w.keys() {
				s.heardAbout(key, w.ID, &n)
			}
			s.remove(dialog)
			s.set.Changed(redisset.Entry{Key: watcherKind + dialog, Gone: true})
			continue
		}
		s.taken++
		s.own(dialog, w)
	}
}

// own makes a subscription this node's, as far as is known before its lane tells. mu is held.
func (s *shared) own(dialog string, w *elsewhere) {
	n := w.note
	n.Node = s.self
	s.enter(dialog, &n, jsonOf(n))
}

// take goes on with the subscription of another node, whose watcher has sent a SUBSCRIBE here. It
// is the notifier's Elsewhere.
func (s *shared) take(l *lane.Lane, dialog string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watchers[dialog]
	if w == nil || w.Row == nil || w.Node == s.self || w.End != "" || s.engine == nil {
		return false
	}
	here := s.here(w.Row)
	if !s.p.core.Adopt(s.engine, l, &here.Record, s.p.feedOf(here)) {
		return false
	}
	s.taken++
	s.own(dialog, w)
	return true
}

// here is a subscription as this node has it: with a Contact of this node.
func (s *shared) here(r *row) *row {
	own := *r
	own.Contact, own.Socket = contactHere(s.engine, r.Contact), ""
	return &own
}

// contactHere is our Contact in place of another node's.
func contactHere(e *engine.Engine, theirs string) string {
	kind := transport.UDP
	for _, k := range [...]transport.Kind{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		if strings.HasSuffix(theirs, ";transport="+k.String()+">") {
			kind = k
		}
	}
	var best *transport.Local
	for _, l := range e.Locals() {
		if best == nil || l.Kind == kind && best.Kind != kind {
			best = l
		}
	}
	switch {
	case best == nil:
		return theirs
	case best.Kind == transport.UDP:
		return "<sip:" + contactUser + "@" + best.SentBy + ">"
	}
	return "<sip:" + contactUser + "@" + best.SentBy + ";transport=" + best.Kind.String() + ">"
}

// keyOf names an order: those about several members of a list don't replace each other.
func (o *order) keyOf(dialog string) string {
	for aor := range o.Modes { // one
		return dialog + "\x00" + aor
	}
	return dialog
}

// dialogOf is the dialog of an order: Call-ID and two tags.
func dialogOf(key string) string {
	part := strings.SplitN(key, "\x00", 4)
	return strings.Join(part[:min(3, len(part))], "\x00")
}

// obey does what another node asks for a subscription of this one. mu is held.
func (s *shared) obey(key, text string) {
	sub := s.p.core.ByDialog(dialogOf(key))
	var o order
	if sub == nil || json.Unmarshal([]byte(text), &o) != nil {
		return
	}
	if o.End != "" {
		sub.Terminate(o.End, o.Retry)
		return
	}
	for _, f := range feedsOf(sub.Feed()) {
		if mode, ok := o.Modes[f.key.AOR]; ok && f.become(mode) {
			s.p.tellAbout(f.key)
			sub.Rewrite()
		}
	}
}

// ask asks the node that has a subscription.
func (s *shared) ask(dialog string, o order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := o.keyOf(dialog)
	s.orders[key] = asked{jsonOf(o), s.engine.Clock().Now()}
	s.set.Changed(redisset.Entry{Key: orderKind + key, Ends: s.wall().Add(s.kept())})
}

// watchersOf are those of other nodes who watch a user by a package.
func (s *shared) watchersOf(k eventstate.Key) (list []*Watcher) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for dialog, e := range s.of[resourceKey(k)] {
		w := &Watcher{id: e.ID, watcher: e.Watcher, asked: e.Asked, key: k, mode: e.Mode, approved: e.Approved, until: time.UnixMilli(e.Until), dialog: dialog}
		for _, m := range e.Members {
			if m.AOR == k.AOR {
				w.mode = m.Mode
			}
		}
		list = append(list, w)
	}
	return list
}

// byID is the dialog of a subscription at another node, "" for none.
func (s *shared) byID(id string) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for dialog, w := range s.watchers {
		if w.ID == id && w.Node != s.self && w.End == "" {
			return dialog
		}
	}
	return ""
}
