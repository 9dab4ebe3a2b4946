package uac_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/uac"
)

func modules() luabindtest.Option { return luabindtest.Modules(uac.New(uac.Options{})) }

// What a script says is what the far side sees, and the caller never notices.
func TestMask(t *testing.T) {
	for body, want := range map[string]string{
		`req:record_route() uac.mask(req, { from = "sip:+49@t.example", display = 'The "Desk"' }) req:relay("sip:b@10.0.0.8")`:                 `"The \"Desk\"" <sip:+49@t.example>`,
		`req:record_route() uac.mask(req, { from = "sip:+49@t.example" }) req:relay("sip:b@10.0.0.8")`:                                         `<sip:+49@t.example>`,
		`req:record_route() uac.mask(req, { display = "Desk" }) req:relay("sip:b@10.0.0.8")`:                                                   `"Desk" <sip:alice@example.com>`,
		`req:record_route() uac.mask(req, { display = "" }) req:relay("sip:b@10.0.0.8")`:                                                       `<sip:alice@example.com>`,
		`req:record_route() req:relay("sip:b@10.0.0.8", { on_branch = function(b) uac.mask(b, { from = sip.uri("sip:+49@t.example") }) end })`: `<sip:+49@t.example>`,
	} {
		t.Run(body, func(t *testing.T) {
			w := world(t, "function route(req) "+body+" end")
			var got *message.Message
			w.Peer("10.0.0.8:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				if m.Method() == message.MethodInvite {
					got = m
					p.Reply(m, in, 486, "")
				}
			})
			res := w.Ask("INVITE", "sip:b@example.com")
			if got == nil || res == nil {
				t.Errorf("%s: no call\n%s", body, w.Log())
				return
			}
			if from := string(got.Header(message.HeaderFrom)); !strings.HasPrefix(from, want+";tag=") {
				t.Errorf("%s: From %s", body, from)
			}
			if from := string(res.Header(message.HeaderFrom)); !strings.HasPrefix(from, `"Alice A." <sip:alice@example.com>;tag=`) {
				t.Errorf("%s: the caller sees %s", body, from)
			}
		})
	}
}

func TestMaskMistakes(t *testing.T) {
	for body, want := range map[string]string{
		`uac.mask(req, { from = "sip:x@y" })`:                      "record_route first",
		`uac.mask(req, {})`:                                        "takes what to show",
		`uac.mask("x", { from = "sip:x@y" })`:                      "must be the request",
		`req:record_route() uac.mask(req, { from = "nobody" })`:    "is not an address",
		`req:record_route() uac.mask(req, { name = "x" })`:         "name",
		`req:record_route() uac.mask(req, { display = "a\r\nb" })`: "line break",
	} {
		t.Run(body, func(t *testing.T) {
			w := world(t, "function route(req) "+body+" end")
			if code := w.Code("INVITE", "sip:b@example.com"); code != 500 || !strings.Contains(w.Log(), want) {
				t.Errorf("%s: %d\n%s", body, code, w.Log())
			}
			w.Run(time.Second)
		})
	}
}
