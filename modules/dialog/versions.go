package dialog

import (
	"bytes"
	"strconv"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// Whoever gets a description that is another than the one before gets a version in its o= line that
// is higher by one (RFC 3264 §8): phones pass over a version that they know. Hold and resume show a
// party descriptions that differ, and that their author has written once. From then on all versions
// of that author are higher on their way to the other party.

// newer is a description with a version that is higher by so much; as it is if that can't be.
func newer(text []byte, by uint32) []byte {
	var s body.Session
	if by == 0 || s.Reset(bytes.Clone(text)) != nil || s.AddVersion(by) != nil {
		return text
	}
	return s.Bytes()
}

// show is the description of a party as the other one gets it from this server, which has changed
// it, or changed the one before.
func (c *Call) show(by track.Who, text []byte) []byte {
	c.mu.Lock()
	s := c.said(by)
	if v, ok := versionIn(text); ok {
		if s.Last == 0 || v < s.Last { // it has not become newer by itself
			s.Newer++
		}
		s.Last = v + 1
	}
	n := s.Newer
	c.mu.Unlock()
	return newer(text, n)
}

// said is what a party has shown. c.mu is held.
func (c *Call) said(by track.Who) *track.Said {
	if by == track.Caller {
		return &c.t.Said[0]
	}
	return &c.t.Said[1]
}

// passes notes a description on its way from a party, and is by how much it gets newer.
func (c *Call) passes(by track.Who, m *message.Message) uint32 {
	v, ok := versionIn(m.Body())
	if !ok {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.said(by)
	s.Last = v + 1
	return s.Newer
}

// renewRequest makes the description in a request of a party as new as the other one knows it.
func (c *Call) renewRequest(r *engine.Request, byCaller bool) {
	if n := c.passes(party(byCaller), r.Message()); n > 0 && describes(r.Message()) {
		_ = r.SetBody(newer(r.Message().Body(), n), sdpType)
	}
}

// renewResponse does that with the response to a request of a party.
func (c *Call) renewResponse(m *message.Message, toCaller bool) {
	if n := c.passes(party(!toCaller), m); n > 0 && describes(m) {
		_ = m.SetBody(newer(m.Body(), n), sdpType)
	}
}

func party(caller bool) track.Who {
	if caller {
		return track.Caller
	}
	return track.Callee
}

// versionIn is the version in the o= line of a body, if it has one.
func versionIn(text []byte) (v uint64, ok bool) {
	_, rest, found := bytes.Cut(text, []byte("\no="))
	if !found {
		return 0, false
	}
	for range 2 { // the user, and the id
		if _, rest, found = bytes.Cut(rest, []byte(" ")); !found {
			return 0, false
		}
	}
	word, _, _ := bytes.Cut(rest, []byte(" "))
	v, err := strconv.ParseUint(string(word), 10, 63)
	return v, err == nil
}

// describes reports whether the body is a description, and nothing beside it.
func describes(m *message.Message) bool {
	kind, _, _ := bytes.Cut(m.HeaderName("Content-Type"), []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(kind), []byte(sdpType))
}
