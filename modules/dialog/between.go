package dialog

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// What stands between the parties of a call, and what this server asks of them has to pass: a relay
// of their media first, and then what hides them from each other.

// Relay makes m the relay of calls' media. It is for modules, while they are made.
func (d *Dialogs) Relay(m engine.MediaRelay) { d.media = m }

// between is what stands between the parties of a call that was answered on a branch.
func (s *session) between(b *engine.Branch, code int) (is *track.Between, fixed track.Fixed) {
	r := s.call.req
	if code < 200 || r == nil {
		return nil, track.Free
	}
	hide, media := r.Hidden(), ""
	if r.MediaRelayed() {
		if m := s.call.d.media; m != nil && b != nil {
			media = m.Known(r, b)
		} else {
			fixed = track.Media
		}
	}
	if hide == nil && media == "" {
		return nil, fixed
	}
	return &track.Between{Hide: hide, Media: media}, fixed
}

// Relayed is what a relay knows the call by, "" for none.
func (v *View) Relayed() string {
	if v.Between == nil {
		return ""
	}
	return v.Between.Media
}

// pass has a description of a party pass the relay of the call's media, if there is one.
func (a *asking) pass(by track.Who, answer bool, text []byte, then func([]byte, error)) {
	v := a.c.View()
	known := v.Relayed()
	if known == "" {
		then(text, nil)
		return
	}
	a.c.d.media.Show(known, &engine.Described{Engine: a.c.d.engine.Load(), CallID: v.CallID, CallerTag: tagOf(v.From), CalleeTag: a.tag, ByCaller: by == track.Caller,
		Answer: answer, Text: text}, then)
}

// mediaOver tells the relay of the end of an answered call, if no BYE of a party did.
func (c *Call) mediaOver() {
	c.mu.Lock()
	b, bye := c.t.Between, c.t.Cause == track.CauseBye
	c.mu.Unlock()
	if b != nil && b.Media != "" && !bye && c.d.media != nil {
		c.d.media.Over(b.Media, []byte(c.t.CallID), tagOf(c.t.From))
	}
}
