package interop

// Calls between a page of Chromium and baresip, whose media passes a real rtpengine.

import (
	"context"
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// daemonPackets are the packets that a daemon has relayed in its calls, and the fewest of a stream.
func daemonPackets(t *testing.T, d *rtpenginetest.Daemon) (calls int, packets int) {
	t.Helper()
	p := ng.NewPool(ng.Options{})
	defer p.Close()
	p.Set([]ng.Spec{{URI: d.UDP, Weight: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	list, err := p.Engines()[0].Do(ctx, ng.Dict{"command": "list"})
	if err != nil {
		t.Fatal(err)
	}
	ids, _ := list["calls"].([]any)
	for _, id := range ids {
		q, err := p.Engines()[0].Do(ctx, ng.Dict{"command": "query", "call-id": id})
		if err != nil {
			t.Fatal(err)
		}
		totals, _ := q["totals"].(ng.Dict)
		rtp, _ := totals["RTP"].(ng.Dict)
		n, _ := rtp["packets"].(int)
		packets += n
	}
	return len(ids), packets
}

// webAndPhone is a page and a plain phone, which says a tone.
type webAndPhone struct {
	d     *rtpenginetest.Daemon
	page  *webPhone
	phone *baresip
}

// talk checks that media goes both ways, by what the page and the daemon count.
func (w *webAndPhone) talk(t *testing.T) webStats {
	t.Helper()
	_, before := daemonPackets(t, w.d)
	stats := w.page.in(t).hears()
	eventually(t, "the daemon relays what they say", func() bool { // it counts a little later
		calls, after := daemonPackets(t, w.d)
		return calls > 0 && after >= before+20
	})
	return stats
}

// calls has both call, hold and hang up; then is done while they talk.
func (w *webAndPhone) calls(t *testing.T, then func(t *testing.T, s webStats)) {
	t.Run("the page calls, and hangs up", func(t *testing.T) {
		page, from := w.page.in(t), w.phone.out.count()
		page.does(`call("sip:desk@example.com")`)
		w.phone.says(from, "Incoming call")
		page.until("ringing")
		w.phone.command("accept")
		page.until("established")
		w.phone.says(from, "established")
		w.phone.says(from, "incoming rtp for 'audio' established")
		then(t, w.talk(t))
		page.does("hold()")
		page.does("resume()")
		w.talk(t)
		page.does("hangUp()")
		w.phone.says(from, "session closed")
		page.until("ended")
	})
	t.Run("the phone calls, and hangs up", func(t *testing.T) {
		page, from := w.page.in(t), w.phone.out.count()
		w.phone.command("dial sip:alice@example.com")
		page.until("called")
		page.does("answer()")
		page.until("established")
		w.phone.says(from, "established")
		w.phone.says(from, "incoming rtp for 'audio' established")
		w.phone.says(from, "incoming rtp for 'audio' established")
		then(t, w.talk(t))
		w.phone.command("hangup")
		page.until("ended")
	})
	eventually(t, "the daemon has forgotten the calls", func() bool { n, _ := daemonPackets(t, w.d); return n == 0 })
}

// mediaScript registers without passwords, and has each branch to a phone shown one table, and each
// branch to a page the other one.
const mediaScript = `
local registrar, rtpengine = require "registrar", require "rtpengine"
rtpengine.configure { engines = { sip.args.media } }
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  rtpengine.manage(req, { callee = function(branch)
    if (branch.ruri.params.transport or ""):match "^ws" then return { %s } end
    return { %s }
  end })
  req:relay(registrar.lookup(req.ruri))
end`

// Pages and plain phones call each other, and media passes rtpengine: by the ready scripts, with a
// phone that encrypts by SDES (RFC 4568), and with codecs that only one side has.
func TestBrowsersCallPhones(t *testing.T) {
	needBaresip(t)
	w := newWeb(t)
	password := ";auth_user=desk;auth_pass=lamp"
	plain := func(t *testing.T, s webStats) {
		if s.Codec != "audio/PCMU" {
			t.Errorf("the page hears %s", s.Codec)
		}
	}
	for _, row := range []struct {
		name, library string
		args          []string
		params        string   // of the phone's account
		modules       []string // of the phone
		then          func(t *testing.T, s webStats)
	}{
		{"webrtc.lua", "JsSIP", []string{"--set", "token=" + webKey, "--set", "algorithms=MD5", shipped("webrtc.lua")}, password, nil, plain},
		{"edge.lua", "SIP.js", []string{shipped("edge.lua")}, "", nil, plain},
		{"a phone with SDES", "SIP.js", []string{script(t, fmt.Sprintf(mediaScript, ``, `transport = "RTP/SAVP", ice = "remove", rtcp_mux = "demux"`))},
			";mediaenc=srtp-mand", []string{"srtp"}, plain},
		{"transcoding", "JsSIP", []string{script(t, fmt.Sprintf(mediaScript, `codec = { transcode = { "opus" } }`, `codec = { transcode = { "PCMA" } }`))},
			"", nil, func(t *testing.T, s webStats) {
				if s.Codec != "audio/opus" {
					t.Errorf("the page hears %s", s.Codec)
				}
			}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := rtpenginetest.Start(t)
			args := append([]string{"--set", "media=" + d.UDP}, row.args...)
			if row.name == "edge.lua" { // at an address of its own, by which the edge knows it
				core := spawn(t, "run", "-l", "udp:127.0.0.2:0", "-d", "example.com")
				core.ready()
				args = append([]string{"--set", "core=" + core.addrs["udp"]}, args...)
			}
			s := w.server(t, args...)
			conf := s.webWithToken("alice")
			if row.name == "transcoding" {
				conf.Codecs = []string{"audio/opus"}
			}
			c := &webAndPhone{d: d, page: w.registers(t, row.library, conf)}
			c.phone = startBaresipAt(t, place{"", "127.0.0.1"}, s.addrs["udp"], "udp", "desk", "", row.params, append(row.modules, "ausine")...)
			c.phone.says(0, "registered successfully")
			c.calls(t, row.then)
			if row.name == "transcoding" {
				c.phone.says(0, "audio decoder: PCMA 8000Hz")
			}
		})
	}
}
