package uac_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Requests to a trunk go along the Service-Route of its last answer, and nowhere while it has not
// answered.
func TestServiceRoute(t *testing.T) {
	w := world(t, line+`
function route(req) req:relay(uac.target("trunk", "sip:x@trunk.example")) end`)
	tr := newTrunk(t, w)
	tr.also = "Service-Route: <sip:10.0.0.8;lr>, <sip:core.trunk.example;lr>\r\n"
	var came []string
	w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		routes := []string{}
		for all := m.Elements(message.HeaderRoute); all.Next(); {
			routes = append(routes, string(all.Value))
		}
		came = append(came, string(m.RequestURI())+" "+strings.Join(routes, ","))
		p.Reply(m, in, 200, "")
	})
	if code := w.Code("MESSAGE", "sip:x@example.com"); code != 503 {
		t.Errorf("before it is registered: %d", code)
	}
	w.Run(5 * time.Second)
	if code := w.Code("MESSAGE", "sip:x@example.com"); code != 200 {
		t.Errorf("%d\n%s", code, w.Log())
	}
	if len(came) != 1 || came[0] != "sip:x@trunk.example <sip:10.0.0.8;lr>,<sip:core.trunk.example;lr>" {
		t.Errorf("came %q", came)
	}
	got, err := w.Eval(`local t = require("uac").target("trunk") local none, why = require("uac").target("other")
		return t.uri == nil, t.credentials.user, #t.path, none == nil, why`)
	if err != nil || got[0] != true || got[1] != "4930" || got[2] != 2.0 || got[3] != true || !strings.Contains(got[4].(string), "no account") {
		t.Errorf("%v %v", got, err)
	}
	// A refresh without it, and one that makes no sense, leave no route.
	for _, also := range []string{"", "Service-Route: <tel:5>\r\n"} {
		tr.also = also
		w.Run(time.Hour)
		got, err := w.Eval(`return require("uac").target("trunk").path == nil`)
		if err != nil || got[0] != true {
			t.Errorf("%q: %v %v", also, got, err)
		}
	}
}
