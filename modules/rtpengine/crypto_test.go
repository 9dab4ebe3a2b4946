//go:build unix

package rtpengine_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
)

// Keys that a phone is shown have their padding (RFC 4568 §6.1, RFC 3548 §2.2), whoever offers:
// baresip reads other keys without it.
func TestKeysAreWhole(t *testing.T) {
	d := rtpenginetest.Start(t)
	encrypted := func(t *testing.T, g *got) {
		t.Helper()
		text := string(g.m.Body())
		keys := 0
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, "a=crypto:"); ok {
				_, key, _ := strings.Cut(strings.TrimSpace(rest), "inline:")
				key, _, _ = strings.Cut(key, "|")
				if _, err := base64.StdEncoding.DecodeString(key); err != nil {
					t.Errorf("%s: %v", line, err)
				}
				keys++
			}
		}
		if keys == 0 || !strings.Contains(text, " RTP/SAVP ") {
			t.Errorf("shown %q", text)
		}
	}
	const key = "a=crypto:1 AEAD_AES_256_GCM inline:4B08+R9F2zoL73vn0BsN03IqYyz3mntKucgYTmx9urWSEXQHQiMukwJ9veM=\r\n"
	secure := func(port int) string {
		return strings.Replace(description("127.0.0.1", port), "RTP/AVP", "RTP/SAVP", 1) + key
	}
	t.Run("of the callee", func(t *testing.T) {
		w := newWorld(t, script([]string{d.UDP}, "", `callee = { transport = "RTP/SAVP", ice = "remove" }`, []string{"10.0.0.3:5060"}, ""))
		w.alice.send("INVITE", "", description("127.0.0.1", 4000))
		encrypted(t, w.party("10.0.0.3:5060").expect("INVITE"))
	})
	t.Run("of the caller", func(t *testing.T) {
		w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
		bob := w.party("10.0.0.3:5060")
		w.alice.send("INVITE", "", secure(4000))
		bob.answer(bob.expect("INVITE"), 200, sdpType, description("127.0.0.1", 5000))
		encrypted(t, w.alice.expect("200"))
	})
}

// What is transcoded has another SSRC than its sender announced, and nobody is told that one; what
// is not transcoded keeps it.
func TestSourcesThatChange(t *testing.T) {
	d := rtpenginetest.Start(t)
	const sources = "a=ssrc:1234 cname:x\r\na=ssrc-group:FEC-FR 1234 5678\r\n"
	video := "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=ssrc:99 cname:x\r\n"
	for _, row := range []struct{ name, options, want string }{
		{"transcoded for the callee", `callee = { codec = { transcode = { "G722" } } }`, "99"},
		{"transcoded for the caller", `caller = { codec = { mask = { "PCMU" } } }`, "99"},
		{"not transcoded", `callee = { codec = { strip = { "PCMU" } } }`, "1234 99"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, script([]string{d.UDP}, "", row.options, []string{"10.0.0.3:5060"}, ""))
			bob := w.party("10.0.0.3:5060")
			shown := func(g *got) string {
				var list []string
				for line := range strings.Lines(string(g.m.Body())) {
					if rest, ok := strings.CutPrefix(line, "a=ssrc:"); ok {
						id, _, _ := strings.Cut(rest, " ")
						list = append(list, id)
					}
				}
				return strings.Join(list, " ")
			}
			text := description("127.0.0.1", 4000) + sources + video
			w.alice.send("INVITE", "", text)
			inv := bob.expect("INVITE")
			bob.answer(inv, 200, sdpType, text)
			if got := shown(inv); got != row.want {
				t.Errorf("the callee was shown %q, want %q", got, row.want)
			}
			if got := shown(w.alice.expect("200")); got != row.want {
				t.Errorf("the caller was shown %q, want %q", got, row.want)
			}
		})
	}
}
