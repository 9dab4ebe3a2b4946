//go:build unix

package rtpengine_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/rtpengine"
	"github.com/sipscript/sipscript/ops/openapi"
)

// hears adds what counts the events of calls whose media is gone to a script.
const hears = `
lost = sip.shared("lost")
sip.on("rtpengine.timeout", function(call_id) lost:set(call_id, true) end)`

// goneWorld is one whose module takes what daemons tell, at the URL.
func goneWorld(t *testing.T, script string, m *rtpengine.RTPEngine) *world {
	w := &world{t: t, World: luabindtest.New(t, script+hears, luabindtest.Modules(m))}
	w.alice = w.party("10.0.0.2:5060")
	return w
}

// lost reports whether the script heard that the media of the Call-ID is gone.
func (w *world) lost(callID string) bool {
	w.t.Helper()
	w.Run(10 * time.Millisecond)
	got, err := w.Eval(fmt.Sprintf(`return sip.shared("lost"):get(%q) == true`, callID))
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(got) == "[true]"
}

// A real daemon gives a call up for which no media came, and tells so, in both of its formats that
// have a Call-ID; a call that was here before has a name of its own at the daemon.
func TestMediaThatIsGone(t *testing.T) {
	for _, row := range []struct{ format, before string }{
		{"1", ""}, {"2", ""}, {"1", "Record-Route: <sip:10.0.0.9;lr>\r\n"},
	} {
		t.Run("format "+row.format+" "+row.before, func(t *testing.T) {
			t.Parallel()
			m := closing(t)
			s := httptest.NewServer(openapi.Handler(m.API()))
			defer s.Close()
			d := rtpenginetest.Start(t, "--timeout=1", "--silent-timeout=1", "--xmlrpc-format="+row.format, "--b2b-url="+s.URL+"/timeout")
			w := goneWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""), m)
			bob := w.party("10.0.0.3:5060")
			w.alice.send("INVITE", row.before, description("127.0.0.1", 4000))
			inv := bob.expect("INVITE")
			bob.answer(inv, 200, sdpType, description("127.0.0.1", 5000))
			w.alice.expect("200")
			for range 2000 {
				if w.lost("c1") {
					return
				}
				time.Sleep(10 * time.Millisecond) // between two looks
			}
			t.Error("not told")
		})
	}
}

// What is posted there is hostile.
func TestForgedTimeouts(t *testing.T) {
	const teardown = `<?xml version="1.0"?><methodCall><methodName>teardown</methodName><params><param><value><string>%s</string></value></param></params></methodCall>`
	m := rtpengine.New(rtpengine.Options{Log: slog.New(slog.DiscardHandler)})
	defer m.Close()
	s := httptest.NewServer(openapi.Handler(m.API()))
	defer s.Close()
	w := goneWorld(t, script(nil, "", "", []string{"10.0.0.3:5060"}, ""), m)
	for _, row := range []struct {
		name, body string
		code       int
		lost       string
	}{
		{"a Call-ID", fmt.Sprintf(teardown, "x1@192.0.2.1"), 200, "x1@192.0.2.1"},
		{"one that looks like another's passage", fmt.Sprintf(teardown, "x2.1abc012345"), 200, "x2.1abc012345"},
		{"none", fmt.Sprintf(teardown, ""), 400, ""},
		{"an endless one", fmt.Sprintf(teardown, strings.Repeat("x", 2000)), 400, ""},
		{"another method", strings.Replace(fmt.Sprintf(teardown, "x3"), "teardown", "di", 2), 400, ""},
		{"no XML", "x", 400, ""},
		{"much", strings.Repeat(" ", 100<<10) + fmt.Sprintf(teardown, "x4"), 400, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			res, err := http.Post(s.URL+"/timeout", "text/xml", strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if text, _ := io.ReadAll(res.Body); res.StatusCode != row.code {
				t.Errorf("%d %s", res.StatusCode, text)
			}
			if row.lost != "" && !w.lost(row.lost) {
				t.Errorf("%s: not told", row.lost)
			}
		})
	}
	if w.lost("x2") {
		t.Error("a Call-ID of somebody's choice is taken for another call")
	}
}
