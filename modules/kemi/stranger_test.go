package kemi_test

// Requests that claim to be within a dialog and name where they want to go.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Addresses that a stranger may name: his victim's, and one that the script itself sends to.
const (
	victimAt  = "10.0.0.66:5060"
	gatewayAt = "10.0.0.77:5060"
)

// within is a request with a To tag, from and to others' domains.
func within(w *luabindtest.World, method, uri, headers string) []byte {
	return []byte(strings.NewReplacer("To: <"+uri+">", "To: <"+uri+">;tag=x", "sip:alice@example.com", "sip:alice@elsewhere.example").
		Replace(string(w.Request(method, uri, headers, ""))))
}

func TestNoRelayForStrangers(t *testing.T) {
	const (
		foreign = "Route: <sip:" + victimAt + ";lr>\r\n"
		forged  = "Route: <sip:token@10.0.0.1:5060;lr>\r\n"
		both    = forged + foreign
		alias   = "sip:x@192.168.1.1;alias=10.0.0.66~5060~1"
		victim  = "sip:x@" + victimAt
		routed  = `function ksr_request_route() if KSR.rr.loose_route() > 0 then %s KSR.tm.t_relay() end end`
	)
	script := func(text string) string { return strings.Replace(routed, "%s", text, 1) }
	for _, c := range []struct {
		name, script, uri, headers string
		code                       int  // 0: none
		gateway                    bool // where the script sends it
	}{
		{"stock: a foreign Route", "", victim, foreign, 481, false},
		{"stock: a Route of ours without a signature", "", victim, forged, 481, false},
		{"stock: one of ours that nobody was given", "", victim, "Route: <sip:10.0.0.1:5060;lr>\r\n", 404, false},
		{"stock: and one of another's", "", victim, both, 481, false},
		{"stock: a forged Route and an alias", "", alias, forged, 481, false},
		{"a foreign Route", script(""), victim, foreign, 481, false},
		{"an alias in place of it", script(`KSR.pv.unset("$du") KSR.nathelper.handle_ruri_alias()`), alias, foreign, 481, false},
		{"an alias after the script's own $du", script(`KSR.setdsturi("sip:` + gatewayAt + `") KSR.nathelper.handle_ruri_alias()`), alias, foreign, 481, false},
		{"$du is taken away", script(`KSR.resetdsturi()`), victim, foreign, 481, false},
		{"Route is taken away", script(`KSR.hdr.remove("Route")`), victim, foreign, 481, false},
		{"another user", script(`KSR.pv.sets("$rU", "y") KSR.resetdsturi()`), victim, forged, 481, false},
		{"another port", script(`KSR.pv.sets("$rp", "5060") KSR.resetdsturi()`), "sip:x@10.0.0.66:99", forged, 481, false},
		{"another user by seturi", script(`KSR.seturi("sip:y@" .. KSR.pv.get("$rd") .. ":5060")`), victim, forged, 481, false},
		{"another host, yet along the Route", script(`KSR.sethost("` + gatewayAt + `")`), victim, foreign, 481, false},
		{"a branch to it", script(`KSR.corex.append_branch() KSR.setdsturi("sip:` + gatewayAt + `")`), victim, foreign, 481, false},
		{"a branch of the script's, beside it", script(`KSR.corex.append_branch_uri("sip:x@` + gatewayAt + `")`), victim, foreign, 481, false},
		{"statelessly", `function ksr_request_route() if KSR.rr.loose_route() > 0 then KSR.forward() end end`, victim, foreign, 481, false},
		{"no Route, and -1 taken for true", `function ksr_request_route() if KSR.rr.loose_route() then KSR.tm.t_relay() end end`, victim, "", 481, false},
		{"the script's own $du", script(`KSR.setdsturi("sip:` + gatewayAt + `")`), victim, foreign, 0, true},
		{"the script's own $ru", script(`KSR.seturi("sip:x@` + gatewayAt + `") KSR.resetdsturi()`), victim, foreign, 0, true},
		{"the script's own $rd", script(`KSR.sethost("` + gatewayAt + `") KSR.resetdsturi()`), victim, forged, 0, true},
		{"the script's own $du before", `function ksr_request_route() KSR.setdsturi("sip:` + gatewayAt + `") KSR.rr.loose_route() KSR.tm.t_relay() end`, victim, forged, 0, true},
	} {
		for _, method := range []string{"INVITE", "BYE", "ACK", "CANCEL"} {
			t.Run(c.name+"/"+method, func(t *testing.T) { strangerRow(t, c.script, method, c.uri, c.headers, c.code, c.gateway) })
		}
	}
}

// strangerRow sends one request of a stranger and looks where it goes.
func strangerRow(t *testing.T, script, method, uri, headers string, code int, gateway bool) {
	stock := script == ""
	if stock {
		script = stockScript(t)
	}
	f := run(t, "", script, config("htable pike nathelper", `modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")`))
	came := map[string]int{}
	for _, at := range []string{victimAt, gatewayAt} {
		f.Peer(at, func(_ *luabindtest.Peer, m *message.Message, _ sim.Packet) {
			if m.IsRequest() {
				came[at]++
			}
		})
	}
	res := f.Send(within(f.World, method, uri, headers))
	if came[victimAt] > 0 {
		t.Errorf("it was relayed to whom the sender names, %d times", came[victimAt])
	}
	if (came[gatewayAt] > 0) != gateway {
		t.Errorf("%d came where the script sends it", came[gatewayAt])
	}
	switch {
	case method == "ACK" || stock && method == "CANCEL" || code == 0:
	case res == nil:
		t.Errorf("no answer, want %d", code)
	case res.Status() != code:
		t.Errorf("answered %d, want %d", res.Status(), code)
	}
}
