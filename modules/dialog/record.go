package dialog

// Lines of the journal.

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// record is a line of the journal: a call as it is now, or its end.
type record struct {
	End string `json:"end,omitempty"` // the id of a call that is over
	// Holds is the id of a call that does not outlive the process, and has Keys on all nodes
	Holds string      `json:"holds,omitempty"`
	Call  *track.Call `json:"call,omitempty"`
	// When its session is over without a refresh, in nanoseconds since 1970
	Session int64          `json:"session,omitempty"`
	Vars    map[string]any `json:"vars,omitempty"`
	Keys    []string       `json:"keys,omitempty"`
	Kept    *keptSettings  `json:"settings,omitempty"`
}

// keptSettings are settings in the journal.
type keptSettings struct {
	MaxDuration     time.Duration `json:"max_duration"`
	FlowLost        time.Duration `json:"flow_lost,omitempty"`
	Keepalive       time.Duration `json:"keepalive,omitempty"`
	SessionTimer    *SessionTimer `json:"session_timer,omitempty"`
	EndWithoutMedia bool          `json:"end_without_media,omitempty"`
}

// record is the call as it is kept.
func (c *Call) record() *record {
	v := c.View()
	c.mu.Lock()
	session := c.sessionAt
	s := c.settings
	c.mu.Unlock()
	return &record{Call: &v.Call, Session: session, Vars: v.Vars, Keys: v.Keys,
		Kept: &keptSettings{s.maxDuration, s.flowLost, s.keepalive, s.sessionTimer, s.endWithoutMedia}}
}

// afterRestart makes what is kept of a call true of a new process: its connections are gone.
func (r *record) afterRestart() {
	c := r.Call
	for _, side := range c.Parties() {
		r := side.Reach()
		if r.Flow == 0 {
			continue
		}
		if r.Flow = transport.FlowGone; !r.Only {
			r.Flow, r.At = 0, ""
		}
		side.Set(r)
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		l.Acked, l.LostA, l.LostB = true, 0, 0
		if l.State == track.Early {
			l.State, l.EndedAt = track.Ended, c.AnswerAt
		}
	}
}

// encode is the line of a record. One that would be too long goes without the legs that are over,
// and then without all but one leg, and the routes: what can't be reached by them is found by its
// Contact.
func (r *record) encode() ([]byte, error) {
	for _, less := range [...]func(){func() {}, r.dropLegs, r.dropRoutes} {
		less()
		text, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		if len(text) < longestLine {
			return append(text, '\n'), nil
		}
	}
	return nil, errTooLong
}

func (r *record) dropLegs() {
	if r.Call == nil {
		return
	}
	live := r.Call.Legs[:0:0]
	for _, l := range r.Call.Legs {
		if l.State == track.Confirmed {
			live = append(live, l)
		}
	}
	r.Call.Legs = live
}

func (r *record) dropRoutes() {
	if r.Call == nil {
		return
	}
	r.Call.Legs = r.Call.Legs[:min(1, len(r.Call.Legs))]
	for _, side := range r.Call.Parties() {
		is := side.Reach()
		is.Routes = nil
		side.Set(is)
	}
}

// errTooLong is the error of a call that is too large to be kept.
var errTooLong = errors.New("the line is too long")
