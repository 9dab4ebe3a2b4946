package rtpengine

// This file is the events of scripts.

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// Names of events.
const (
	EventUp   = "rtpengine.up"
	EventDown = "rtpengine.down"
	EventDTMF = "rtpengine.dtmf"
	EventGone = "rtpengine.timeout"
)

// event is what a script may hear.
type event struct {
	kind, uri, why    string
	callID, tag, code string
}

// Events of the module.
func (m *module) Events() []luabind.Event {
	uri := luabind.Param{Name: "uri", Type: luabind.String, Doc: "of the daemon"}
	return []luabind.Event{
		{Name: EventUp, Params: []luabind.Param{uri}, Doc: "A daemon answers again, and takes new calls."},
		{Name: EventDown, Params: []luabind.Param{uri, {Name: "why", Type: luabind.String}}, Doc: "A daemon does not answer. New calls go to others of its set."},
		{Name: EventDTMF, Params: []luabind.Param{{Name: "call_id", Type: luabind.String}, {Name: "tag", Type: luabind.String, Doc: "of the party that pressed it"},
			{Name: "digit", Type: luabind.String}},
			Doc: "A party pressed a digit. The daemon tells over tcp: only, started with --dtmf-log-ng-tcp."},
		{Name: EventGone, Params: []luabind.Param{{Name: "call_id", Type: luabind.String, Doc: "of the call, as it is in SIP"}},
			Doc: "The media of a call is gone: for the daemon's --timeout nothing came, and it has forgotten the call. It tells whom its --b2b-url names."},
	}
}

func (m *module) tell(e event) {
	switch e.kind {
	case EventGone:
		m.host.Emit(e.kind, e.callID)
	case EventDTMF:
		m.host.Emit(e.kind, e.callID, e.tag, e.code)
	case EventDown:
		m.host.Emit(e.kind, e.uri, e.why)
	default:
		m.host.Emit(e.kind, e.uri)
	}
}

// changed tells that a daemon went up or down.
func (p *RTPEngine) changed(e *ng.Engine, up bool, why string) {
	if up {
		p.log.Info("rtpengine is up", "engine", e.URI)
		p.events.Emit(event{kind: EventUp, uri: e.URI})
		return
	}
	p.log.Warn("rtpengine is down", "engine", e.URI, "error", why)
	p.events.Emit(event{kind: EventDown, uri: e.URI, why: why})
}

// happened tells of digits.
func (p *RTPEngine) happened(_ *ng.Engine, d ng.Dict) {
	if code, ok := digit(d["event"]); ok {
		p.events.Emit(event{kind: EventDTMF, callID: d.Text("callid"), tag: d.Text("source_tag"), code: code})
	}
}

// digit is the key of a telephone event (RFC 4733 §2.3).
func digit(v any) (string, bool) {
	const keys = "0123456789*#ABCD"
	n, ok := v.(int)
	if !ok || n < 0 || n >= len(keys) {
		return "", false
	}
	return strings.Split(keys, "")[n], true
}
