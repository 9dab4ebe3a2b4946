package interop

// Callbacks of events, on Kamailio and here: what they are called for, and what they read of it.

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventsScript notes the events of calls, and tells them who asks by MESSAGE. The state of a call
// whose ACK has not come is 3 there and 4 here, and the event "unknown" is theirs alone.
const eventsScript = keepalive + `
local function values()
  local out = {}
  for i, v in ipairs { "$rm", "$ci", "$dlg(callid)", "$dlg(from_uri)", "$dlg(to_uri)", "$dlg(from_tag)", "$dlg(lifetime)", "$dlg_var(who)" } do out[i] = tostring(KSR.pv.getw(v)) end
  return table.concat(out, " ")
end

local function note(text) KSR.htable.sht_sets("events", "all", KSR.htable.sht_gete("events", "all") .. text .. "|") end

function ksr_events(name)
  if name ~= "unknown" then note(name .. " " .. values()) end
end

function ksr_request_route()
  keepalive()
  if KSR.kx.get_method() == "MESSAGE" then
    KSR.hdr.append_to_reply("X-Events: " .. KSR.htable.sht_gete("events", "all") .. "\r\n")
    KSR.sl.send_reply(299, "Told")
    return 1
  end
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  if KSR.siputils.has_totag() > 0 and KSR.rr.loose_route() > 0 then
    if KSR.is_ACK() then note("ACK " .. values() .. " " .. KSR.pv.getw("$dlg(state)") .. " " .. KSR.pv.getw("$DLG_status") .. " " .. KSR.pv.getw("$dlg(to_contact)")) end
    KSR.tm.t_relay()
    return 1
  end
  if KSR.is_ACK() then return 1 end -- of a failure: here it does not come to the script
  KSR.rr.record_route()
  local before = tostring(KSR.pv.getw("$dlg(state)"))
  KSR.dialog.dlg_manage()
  KSR.pv.sets("$dlg_var(who)", "me")
  note("INVITE " .. before .. " " .. values() .. " " .. KSR.pv.getw("$dlg(state)") .. " " .. KSR.pv.getw("$DLG_status") .. " " ..
    tostring(KSR.pv.getw("$dlg(to_tag)")) .. " " .. KSR.pv.getw("$dlg(start_ts)") .. " " .. KSR.dialog.set_dlg_profile("caller", "x") .. " " ..
    KSR.dialog.set_dlg_profile("nosuch", "x") .. " " .. KSR.dialog.get_profile_size("caller", "x", "$var(n)") .. " " .. tostring(KSR.pv.get("$var(n)") > 0))
  KSR.setdsturi("sip:" .. KSR.hdr.gete("X-Callee"))
  KSR.tm.t_relay()
  return 1
end
`

// toldEvents asks a server for its events until so many calls are over there: they come in their
// own time.
func toldEvents(t *testing.T, w *wires, calls int) (events string) {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(w.server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buffer := make([]byte, 8192)
	for n, deadline := 0, time.Now().Add(30*time.Second); time.Now().Before(deadline); n++ {
		_, _ = fmt.Fprintf(conn, "MESSAGE sip:tell@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK-tell-%[2]d-%[3]d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:zoe@example.org>;tag=t\r\nTo: <sip:tell@example.com>\r\nCall-ID: tell-%[2]d-%[3]d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr(), calls, n)
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		size, err := conn.Read(buffer)
		if err != nil {
			continue
		}
		events = lineOf(string(buffer[:size]), "X-Events")
		if strings.Count(events, "dialog:end")+strings.Count(events, "dialog:failed") >= calls {
			return events
		}
	}
	t.Errorf("there are not %d calls at an end: %s", calls, events)
	return events
}

func TestKEMIEventsBesideKamailio(t *testing.T) {
	if raceBuild() {
		t.Skip("once is enough: the binary as it is shipped")
	}
	needKamailio(t)
	c := &corpus{}
	for _, x := range []struct {
		name, then string
		codes      []int
	}{{"answered", "bye", []int{180, 200}}, {"busy", "", []int{486}}, {"cancelled", "cancel", []int{180, 0}}, {"the callee ends it", "callee-bye", nil}} {
		c.add(kemiFlow{name: x.name, codes: map[string][]int{"B": x.codes}, then: x.then}, kemiRequest{method: "INVITE", uri: "sip:bob@example.com", from: "sip:zoe@example.org", headers: "X-Callee: {B}\r\n"})
	}
	const more = "loadmodule \"htable.so\"\nloadmodule \"dialog.so\"\nmodparam(\"htable\", \"htable\", \"events=>size=4;\")\nmodparam(\"dialog\", \"event_callback\", \"ksr_events\")\n" +
		"modparam(\"dialog\", \"profiles_with_value\", \"caller\")\nmodparam(\"dialog\", \"default_timeout\", 7200)"
	var got [2][]string
	for i := range got {
		w := unconnected(t)
		dir := t.TempDir()
		writeFiles(t, dir, map[string]string{"kamailio.cfg": strings.Replace(scriptConfig, "{MORE}", more, 1), "script.lua": eventsScript})
		config := filepath.Join(dir, "kamailio.cfg")
		if i == 0 {
			w.connect(kamailio(t, config))
		} else {
			p := spawn(t, "run", "-l", "udp:127.0.0.1:0", "-d", "example.com", "--lanes", "1", "--log-level", "error", "--kemi", config)
			p.ready()
			w.connect(p.addrs["udp"])
		}
		for n, f := range c.list {
			w.run(f, nil)
			got[i] = strings.Split(w.names.Replace(toldEvents(t, w, n+1)), "|")
		}
	}
	// Here an event comes beside the ACK, there before or after it
	slices.Sort(got[0])
	slices.Sort(got[1])
	for i := range max(len(got[0]), len(got[1])) {
		var at [2]string
		for side, list := range got {
			if i < len(list) {
				at[side] = list[i]
			}
		}
		if at[0] != at[1] {
			t.Errorf("there %s\nhere  %s", at[0], at[1])
		}
	}
	if len(got[0]) < 10 {
		t.Errorf("%d events: %q", len(got[0]), got[0])
	}
}
