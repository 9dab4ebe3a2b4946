package interop

// Browsers that call: Chromium with JsSIP and with SIP.js, real audio, and our WSS.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// webKey is the key of the tokens with which pages connect.
const webKey = "a secret of at least 32 bytes, shared"

// web is a browser, the page it shows, and the certificate that it takes.
type web struct {
	*chromium
	origin    string
	cert, key string
}

func newWeb(t *testing.T) *web {
	t.Helper()
	needChromium(t)
	w := &web{origin: servePages(t)}
	w.cert, w.key = newAuthority(t).issue("server")
	w.chromium = startChromium(t, w.cert)
	return w
}

// server starts one for the pages of the browser, with arguments and variables.
func (w *web) server(t *testing.T, args ...string) *server {
	t.Helper()
	flags := []string{"run", "--admin", "127.0.0.1:0", "-d", "example.com", "--tls-cert", w.cert, "--tls-key", w.key,
		"-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0", "-l", "wss:127.0.0.1:0?origin=" + w.origin}
	cmd := exec.Command(binary, append(flags, args...)...)
	cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_DRAIN=1s", "WEBRTC_USERS=desk:lamp")
	s := launch(t, cmd)
	s.ready()
	return s
}

// registers opens a page whose phone, by the library, registers.
func (w *web) registers(t *testing.T, library string, conf webConf) *webPhone {
	t.Helper()
	p := w.phone(w.origin, library, conf).in(t)
	if got := p.until("registered", "registrationFailed", "disconnected"); got != "registered" {
		t.Fatalf("%s: %s", library, got)
	}
	return p
}

// web is what the page of a user with a password is told.
func (s *server) web(user, password string) webConf {
	return webConf{Server: "wss://" + s.addrs["wss"] + "/", Domain: "example.com", User: user, Password: password}
}

// webWithToken is what the page of a user with a token is told.
func (s *server) webWithToken(user string) webConf {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":%q,"aud":"sip","exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(webKey))
	mac.Write([]byte(text))
	conf := s.web(user, "")
	conf.Server += "?token=" + url.QueryEscape(text+"."+encode(mac.Sum(nil)))
	return conf
}

// Two pages call each other, each with another library, and each hears the other one: at first, and
// after a hold; and either hangs up.
func TestBrowsersCallEachOther(t *testing.T) {
	w := newWeb(t)
	s := w.server(t, "--set", "token="+webKey, shipped("webrtc.lua"))
	alice, bob := w.registers(t, "JsSIP", s.webWithToken("alice")), w.registers(t, "SIP.js", s.webWithToken("bob"))
	for _, row := range []struct {
		name                           string
		caller, callee, holds, hangsUp *webPhone
		to                             string
	}{
		{"JsSIP calls, holds and hangs up", alice, bob, alice, alice, "sip:bob@example.com"},
		{"SIP.js calls, JsSIP holds and hangs up", bob, alice, alice, alice, "sip:alice@example.com"},
		{"JsSIP calls, SIP.js holds and hangs up", alice, bob, bob, bob, "sip:bob@example.com"},
	} {
		t.Run(row.name, func(t *testing.T) {
			webCall(t, row.caller.in(t), row.callee.in(t), row.to, func(caller, callee *webPhone) {
				untouched(t, caller, callee)
				if row.holds == row.caller {
					holds(t, caller, callee)
				} else {
					holds(t, callee, caller)
				}
				if row.hangsUp == row.caller {
					caller.does("hangUp()")
				} else {
					callee.does("hangUp()")
				}
			})
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		alice, bob := alice.in(t), bob.in(t)
		alice.does(`call("sip:bob@example.com")`)
		bob.until("called")
		alice.until("ringing")
		alice.does("hangUp()")
		alice.until("ended")
		bob.until("ended")
	})
	t.Run("a page of elsewhere is not let in", func(t *testing.T) {
		mallory := w.phone(servePages(t), "JsSIP", s.webWithToken("alice"))
		if got := mallory.until("registered", "registrationFailed", "disconnected"); got != "disconnected" {
			t.Error(got)
		}
	})
	t.Run("nor one with another's token", func(t *testing.T) {
		conf := s.webWithToken("alice")
		conf.User = "bob"
		mallory := w.phone(w.origin, "SIP.js", conf)
		if got := mallory.until("registered", "registrationFailed", "disconnected"); got != "registrationFailed" {
			t.Error(got)
		}
	})
	if !raceBuild() { // once is enough
		t.Run("presence and messages", func(t *testing.T) { browsersKnowOfEachOther(t, w) })
		t.Run("back to back", func(t *testing.T) { browsersCallBackToBack(t, w) })
	}
}

// Two pages that may use nothing but relayed addresses call each other through our TURN, with what
// webrtc.lua tells them of it.
func TestBrowsersCallThroughTURN(t *testing.T) {
	w := newWeb(t)
	s := w.server(t, "-l", "turn:127.0.0.1:0", "--turn-ports", "40000-48000", "--http", "127.0.0.1:0", "--set", "token="+webKey, "--set", "relay_to=127.0.0.0/8", shipped("webrtc.lua"))
	open := func(library, user string) *webPhone {
		conf := s.webWithToken(user)
		conf.ICEServers, conf.Policy = s.ice(t, conf), "relay"
		return w.registers(t, library, conf)
	}
	alice, bob := open("JsSIP", "alice"), open("SIP.js", "bob")
	relayed := func(t *testing.T, p *webPhone) {
		t.Helper()
		if now := p.stats(); now.Local != "relay" || now.Remote != "relay" {
			t.Errorf("%s goes from %s to %s", p.name, now.Local, now.Remote)
		}
	}
	for _, row := range []struct {
		name           string
		caller, callee *webPhone
		to             string
	}{
		{"JsSIP calls", alice, bob, "sip:bob@example.com"},
		{"SIP.js calls", bob, alice, "sip:alice@example.com"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := s.metric("sipscript_turn_packets_total")
			webCall(t, row.caller.in(t), row.callee.in(t), row.to, func(caller, callee *webPhone) {
				relayed(t, caller)
				relayed(t, callee)
				holds(t, caller, callee)
				callee.does("hangUp()")
			})
			if n := s.metric("sipscript_turn_packets_total") - before; n < 100 {
				t.Errorf("TURN has relayed %v packets", n)
			}
		})
	}
	t.Run("without credentials", func(t *testing.T) {
		if code, _ := s.get(t, "/ice?token=x"); code != 401 {
			t.Errorf("answered %d", code)
		}
	})
	eventually(t, "the allocations have gone with the calls", func() bool { return s.metric("sipscript_turn_allocations") == 0 })
}

// ice is what the script's HTTP port tells a page of TURN.
func (s *server) ice(t *testing.T, conf webConf) any {
	t.Helper()
	_, query, _ := strings.Cut(conf.Server, "?")
	_, body := s.get(t, "/ice?"+query)
	var v struct {
		ICEServers []any `json:"iceServers"`
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil || len(v.ICEServers) != 1 {
		t.Fatalf("%v in %s", err, body)
	}
	return v.ICEServers
}

// get asks the script's HTTP port.
func (s *server) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	_, addr, _ := strings.Cut(s.log.await(t, 0, "serving the script's HTTP handlers"), "listener=")
	res, err := (&http.Client{Timeout: patience}).Get("http://" + strings.Fields(addr)[0] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// webCall makes a call between two pages that both hear each other, has something done, and waits
// until both know that the call has ended.
func webCall(t *testing.T, caller, callee *webPhone, to string, then func(caller, callee *webPhone)) {
	t.Helper()
	caller.does(fmt.Sprintf("call(%q)", to))
	callee.until("called")
	caller.until("ringing")
	callee.does("answer()")
	caller.until("established")
	callee.until("established")
	caller.hears()
	callee.hears()
	then(caller, callee)
	caller.until("ended")
	callee.until("ended")
}

// untouched checks that either page got what the other one said, candidates and all, to the byte.
// With SIPSCRIPT_RECORD=DIR the descriptions are written there: those of browsers in the corpus of
// modules/sdp are.
func untouched(t *testing.T, caller, callee *webPhone) {
	t.Helper()
	a, b := caller.descriptions(), callee.descriptions()
	for _, row := range []struct{ what, said, came string }{{"offer", a.Local, b.Remote}, {"answer", b.Local, a.Remote}} {
		if !strings.Contains(row.said, "a=candidate:") || row.said != row.came {
			t.Errorf("the %s was\n%s\nand came as\n%s", row.what, row.said, row.came)
		}
		if dir := os.Getenv("SIPSCRIPT_RECORD"); dir != "" {
			name := strings.ToLower(caller.name+" calls "+callee.name+" "+row.what) + ".sdp"
			if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")), []byte(row.said), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
}

// holds has one phone hold the other one, and take it back.
func holds(t *testing.T, holder, held *webPhone) {
	t.Helper()
	holder.does("hold()")
	if d := holder.stats().Direction; d == "sendrecv" {
		t.Errorf("%s holds, and its direction is %s", holder.name, d)
	}
	eventually(t, held.name+" is held", func() bool { return held.stats().Direction != "sendrecv" })
	holder.does("resume()")
	holder.hears()
	held.hears()
}
