package rtpengine

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// Descriptions in requests that this server itself makes within managed calls (engine.MediaRelay),
// in the name of a party: of what a party is shown the daemon has to know as of all others.

// mostShown bounds the descriptions that are with daemons at the same time.
const mostShown = 256

var errShown = errors.New("too many descriptions wait for rtpengine")

// Known is the note of the branch by which the call was answered.
func (m *Relay) Known(r *engine.Request, b *engine.Branch) string {
	s, ok := engine.FollowerOf[*session](r)
	if !ok || s.m != m {
		return ""
	}
	l := s.legOf(b)
	if l == nil || l.off || !s.began {
		return ""
	}
	note := s.noteOf(l)
	return knownText.EncodeToString([]byte(note.text()))
}

// knownText is how a note is written where texts are kept as such, in a journal of JSON.
var knownText = base64.RawStdEncoding

func readKnown(known string) (c carried, ok bool) {
	b, err := knownText.DecodeString(known)
	if err != nil {
		return c, false
	}
	return readNote(string(b))
}

// Show has the call's daemon make of a description what the other party is shown.
func (m *Relay) Show(known string, d *engine.Described, then func([]byte, error)) {
	note, ok := readKnown(known)
	if !ok {
		then(nil, errNote)
		return
	}
	to, from, of := &note.caller, d.CallerTag, d.CalleeTag
	if d.ByCaller {
		to = &note.callee
	} else {
		from, of = of, from
	}
	command := to.params(to.kind, d.Answer)
	command["call-id"], command["sdp"] = m.callID(&note, []byte(d.CallID)), string(d.Text)
	command["command"], command["from-tag"], command["to-tag"] = "offer", from, of
	if d.Answer { // the one who offered is from-tag
		command["command"], command["from-tag"], command["to-tag"] = "answer", of, from
	}
	e := m.pool.ByID(note.engine)
	var answer ng.Dict
	var err error
	work := func() { answer, err = m.shown(e, command) }
	after := func() {
		switch text := answer.Text("sdp"); {
		case err == nil && text != "":
			then([]byte(text), nil)
		case note.pass:
			m.log.Warn("media goes on without rtpengine", "call_id", d.CallID, "error", err)
			then(d.Text, nil)
		default:
			then(nil, errors.Join(ErrNoMedia, err))
		}
	}
	if m.pool.Simulated() {
		work()
		after()
		return
	}
	d.Engine.Aside(d.Engine.LaneOfDialog(d.CallID, d.CallerTag, d.CalleeTag), work, after)
}

// ErrNoMedia is the error for a description that the daemon of a call did not make.
var ErrNoMedia = errors.New("rtpengine makes no description")

// shown asks the daemon of a call.
func (m *Relay) shown(e *ng.Engine, command ng.Dict) (ng.Dict, error) {
	if m.asked.Add(1) > mostShown {
		m.asked.Add(-1)
		return nil, errShown
	}
	defer m.asked.Add(-1)
	if e == nil {
		return nil, ng.ErrDown
	}
	return e.Do(context.Background(), command)
}

// Over has the daemon forget a call that ended without a BYE of its parties.
func (m *Relay) Over(known string, callID []byte, callerTag string) {
	if note, ok := readKnown(known); ok {
		m.later(m.pool.ByID(note.engine), ng.Dict{"command": "delete", "call-id": m.callID(&note, callID), "from-tag": callerTag, "delete-delay": 0})
	}
}
