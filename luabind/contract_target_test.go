package luabind_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// sentTo runs body for an INVITE and returns the first INVITE that the phone at 10.0.0.9 got, as
// text, or "".
func sentTo(t *testing.T, body string, headers ...string) string {
	t.Helper()
	w := scene(t, body)
	p := newPhone(w, "10.0.0.9:5060", "", 486)
	call(w, headers...)
	w.Run(2 * second)
	if list := p.Requests("INVITE"); len(list) > 0 {
		return string(list[0].AppendTo(nil))
	}
	t.Logf("log:\n%s", w.Log())
	return ""
}

// "Without a target a request goes only where this server vouches for: along our signed
// Record-Route (else 481), or to a req.ruri the script assigned (else 403)."
func TestContractWithoutATarget(t *testing.T) {
	inDialog := func(w *luabindtest.World, headers string) string {
		return strings.Replace(string(w.Request("MESSAGE", "sip:bob@10.0.0.9", headers, "")), "To: <sip:bob@10.0.0.9>", "To: <sip:bob@10.0.0.9>;tag=x", 1)
	}
	for body, want := range map[string][2]int{ // outside of a dialog, in one
		`req:relay()`:            {403, 481},
		`req:relay{timeout = 5}`: {403, 481},
		`req:fork()`:             {403, 481},
		`req:forward()`:          {403, 481},
		`req.ruri = "sip:b@10.0.0.8" req:relay()`:         {200, 200},
		`req.ruri.host = "10.0.0.8" req:relay()`:          {200, 200},
		`req.ruri.user = "c" req:relay()`:                 {486, 486},
		`req.ruri.params.transport = "udp" req:fork()`:    {486, 486},
		`req.ruri.host = "10.0.0.8" req:forward()`:        {200, 200},
		`sip.uri(req.ruri).host = "10.0.0.8" req:relay()`: {403, 481},
		`req:relay(req.ruri)`:                             {486, 486},
		`req:relay{uri = req.ruri}`:                       {486, 486},
		`req:relay{uri = req.ruri, path = req.routes}`:    {200, 200},
		`req:relay{next_hop = "sip:10.0.0.8"}`:            {200, 200},
	} {
		t.Run(body, func(t *testing.T) {
			for i, code := range want {
				w, _, _ := routed(t, body)
				text := string(w.Request("MESSAGE", "sip:bob@10.0.0.9", "Route: <sip:10.0.0.8;lr>\r\n", ""))
				if i == 1 {
					text = inDialog(w, "Route: <sip:10.0.0.8;lr>\r\n")
				}
				if got := status(w.Send([]byte(text))); got != code {
					t.Errorf("%s (in dialog %v): answered %d, want %d\n%s", body, i == 1, got, code, w.Log())
				}
			}
		})
	}
}

// "A target (text, uri, binding, or {...})": what each key does to the message.
func TestContractTargetKeys(t *testing.T) {
	for body, want := range map[string][]string{
		`req:relay("sip:b@10.0.0.9")`:                                                   {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:relay(sip.uri("sip:b@10.0.0.9"))`:                                          {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:relay(sip.address('"B" <sip:b@10.0.0.9>;x=y'))`:                            {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:relay{uri = sip.address('"B" <sip:b@10.0.0.9>;x=y')}`:                      {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:relay(req.contacts[1])`:                                                    {"INVITE sip:alice@10.0.0.9 SIP/2.0"},
		`req:relay{next_hop = "sip:10.0.0.9"}`:                                          {"INVITE sip:bob@example.com SIP/2.0"},
		`req:relay{uri = "sip:b@c.example", next_hop = "sip:10.0.0.9"}`:                 {"INVITE sip:b@c.example SIP/2.0"},
		`req:relay{uri = "sip:b@c.example", path = {"sip:10.0.0.9;lr", "<sip:p2;lr>"}}`: {"INVITE sip:b@c.example SIP/2.0", "Route: <sip:10.0.0.9;lr>", "<sip:p2;lr>"},
		`req:relay{uri = "sip:b@c.example", path = "sip:10.0.0.9;lr"}`:                  {"Route: <sip:10.0.0.9;lr>"},
		`req:relay{uri = "sip:b@10.0.0.9", headers = {["X-A"] = "1", ["X-B"] = {"2", "3"}, ["X-Sent"] = false, Subject = 5}}`: {"X-A: 1\r\n", "X-B: 2\r\n",
			"X-B: 3\r\n", "Subject: 5\r\n", "!X-Sent"},
		`req:relay({{uri = "sip:b@10.0.0.9", headers = {["X-A"] = "own"}}}, {headers = {["X-A"] = "default", ["X-B"] = "default"}})`: {"X-A: own\r\n",
			"X-B: default\r\n", "!X-A: default"},
		`req:relay("sip:b@c.example", {next_hop = "sip:10.0.0.9"})`:               {"INVITE sip:b@c.example SIP/2.0"},
		`req:relay("sip:b@c.example", {path = {"sip:10.0.0.9;lr"}})`:              {"Route: <sip:10.0.0.9;lr>"},
		`req:relay({next_hop = "sip:10.0.0.9"}, {uri = "sip:default@c.example"})`: {"INVITE sip:default@c.example SIP/2.0"},
		`req:relay({uri = "sip:b@10.0.0.9", from_socket = "udp:10.0.0.1:5060"})`:  {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:relay("sip:b@c.example", {received = "udp:10.0.0.9:5060"})`:          {"INVITE sip:b@c.example SIP/2.0"},
		`req:relay{uri = "sip:b@c.example", received = "udp:10.0.0.9:5060"}`:      {"INVITE sip:b@c.example SIP/2.0"},
		`req:relay("sip:b@10.0.0.9;method=INVITE?Subject=x")`:                     {"INVITE sip:b@10.0.0.9 SIP/2.0"},
		`req:set_header("X-A", "edited") req:relay("sip:b@10.0.0.9")`:             {"X-A: edited\r\n"},
		`req:relay("tel:+4912345", {next_hop = "sip:10.0.0.9"})`:                  {"INVITE tel:+4912345 SIP/2.0"},
	} {
		t.Run(body, func(t *testing.T) {
			got := sentTo(t, strings.Replace(body, "req.contacts[1]", `sip.address("<sip:alice@10.0.0.9>")`, 1), "X-Sent: by the caller\r\n")
			for _, text := range want {
				absent := strings.HasPrefix(text, "!")
				if strings.Contains(got, strings.TrimPrefix(text, "!")) == absent {
					t.Errorf("%s\nwant %q, sent\n%s", body, text, got)
				}
			}
		})
	}
}

// "Unknown keys raise, here and in opts. An explicit nil raises", and a list with a hole, or a
// mistake in one, names the place.
func TestContractTargetMistakes(t *testing.T) {
	refuse(t, map[string]string{
		`req:relay{uri = "sip:a@b", nexthop = "sip:x"}`: `unknown option "nexthop"; did you mean 'next_hop'?`,
		`req:relay("sip:a@b", {nexthop = "sip:x"})`:     `unknown option "nexthop"; did you mean 'next_hop'?`,
		`req:relay("sip:a@b", {on_reply = print})`:      `unknown option "on_reply"`,
		`req:relay(nil)`:                                              "nil as its target",
		`req:relay(nil, nil)`:                                         "nil as its target",
		`req:relay(nil, {timeout = 5})`:                               "nil as its target",
		`req:redirect(nil)`:                                           "nil as its target",
		`req:forward(nil)`:                                            "nil as its target",
		`req:relay({nil, "sip:a@b"})`:                                 "entry 1 of the list is nil",
		`req:relay({"sip:a@b", nil, "sip:c@d"})`:                      "entry 2 of the list is nil",
		`req:relay({nil, "sip:a@b"}, {timeout = 5})`:                  "entry 1 of the list is nil",
		`req:relay("not a uri")`:                                      `bad uri "not a uri"`,
		`req:relay("")`:                                               "empty",
		`req:relay({"sip:a@b", 5})`:                                   "target 2",
		`req:relay({"sip:a@b", false})`:                               "target 2",
		`req:relay(req)`:                                              "not the request",
		`req:relay("sip:a@b", "sip:c@d")`:                             "options must be a table",
		`req:relay("sip:a@b", {timeout = "20"})`:                      "timeout must be a number of seconds",
		`req:relay{uri = "sip:a@b", q = "high"}`:                      "q must be a number from 0 to 1",
		`req:relay{uri = "sip:a@b", path = {"x y"}}`:                  "bad path entry",
		`req:relay{uri = "sip:a@b", headers = {Via = "x"}}`:           "engine's own header",
		`req:relay{uri = "sip:a@b", vars = 5}`:                        "vars must be a table",
		`req:relay{uri = "sip:a@b", credentials = {user = "a"}}`:      "credentials must be",
		`req:relay({code = 302, "sip:a@b"})`:                          `a list of targets has the key "code"`,
		`req:relay{req.ruri, timeout = 5}`:                            `a list of targets has the key "timeout"`,
		`req:relay({uri = "sip:a@b", order = "q"})`:                   `"order" is not a key of a target: options go into the next argument`,
		`req:relay{uri = "sip:a@b", on_failure = print}`:              `as in req:relay({uri = ...}, {on_failure = ...})`,
		`req:fork{"sip:a@b", {next_hop = "sip:c@d", failover = 503}}`: `target 2: "failover" is not a key of a target`,
		`req:relay("sip:a@b", {order = "parallel", failover = 486})`:  "failover needs order",
		`req:relay("sip:a@b", {order="q", failover = {200}})`:         "failover accepts codes from 300",
	})
}

// "nil, err in place of targets (a lookup that failed) answers 503 and logs err; {} is an empty
// list: 480; a non-empty table that names no destination is opts, also as the only argument." An
// empty list with a reason is of somebody who never was: 404.
func TestContractNilErrEmptyAndOpts(t *testing.T) {
	const lookup = "local function lookup(how) if how == 'away' then return nil, 'store away' end return {}, how and 'not found' end\n"
	for body, want := range map[string]int{
		`req:relay(lookup("away"))`:          503,
		`req:redirect(lookup("away"))`:       503,
		`req:forward(lookup("away"))`:        503,
		`req:fork(lookup("away"))`:           503,
		`req:relay(lookup())`:                480,
		`req:relay(lookup(), {timeout = 5})`: 480,
		`req:redirect(lookup())`:             480,
		`req:fork(lookup())`:                 480,
		`req:relay(lookup("never"))`:         404,
		`req:redirect(lookup("never"))`:      404,
		`req:fork(lookup("never"))`:          404,
		`local r = req:fork(lookup("never")) req:reply(r.code == 404 and r.cause == "empty" and 486 or 500)`: 486,
		`req:relay{timeout = 5}`:                                                                        403,
		`req:relay{order = "serial", vars = {a = 1}}`:                                                   403,
		`req.ruri.host = "10.0.0.9" req:relay{timeout = 5}`:                                             486,
		`req.ruri.host = "10.0.0.9" req:fork{on_response = function(res) res:set_header("X", "y") end}`: 486,
	} {
		t.Run(body, func(t *testing.T) {
			w, _, _ := routed(t, lookup+body)
			if got := w.Code("MESSAGE", "sip:bob@example.com"); got != want {
				t.Errorf("%s: answered %d, want %d\n%s", body, got, want, w.Log())
			}
			if want == 503 {
				logs(t, w, "store away", "call_id=call-1")
			}
		})
	}
}

// "redirect(target | list [, {code=302, expires=}])": q of the targets is in the contacts.
func TestContractRedirect(t *testing.T) {
	for body, want := range map[string]string{
		`req:redirect("sip:x@y")`:                                                           "302 <sip:x@y>",
		`req:redirect(sip.uri("sip:x@y;z"), {code = 301})`:                                  "301 <sip:x@y;z>",
		`req:redirect({{uri = "sip:x@y", q = 0.5}, "sip:z@y"}, {code = 305, expires = 60})`: "305 <sip:x@y>;q=0.5;expires=60|<sip:z@y>;expires=60",
	} {
		t.Run(body, func(t *testing.T) {
			w := scene(t, body)
			m := w.Ask("INVITE", "sip:bob@example.com")
			got := fmt.Sprint(status(m), " ")
			for e := m.ElementsName("Contact"); e.Next(); {
				got += string(e.Value) + "|"
			}
			if got != want+"|" {
				t.Errorf("%s\n got %s\nwant %s", body, got, want)
			}
		})
	}
}
