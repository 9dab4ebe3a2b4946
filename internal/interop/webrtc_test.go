package interop

// Browsers that call: Chromium with JsSIP and with SIP.js, real audio, and our WSS.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"
)

// webKey is the key of the tokens with which pages connect.
const webKey = "a secret of at least 32 bytes, shared"

// startWeb starts a server for pages of one origin, and a browser that takes its certificate.
func startWeb(t *testing.T, origin string, args ...string) (*server, *chromium) {
	t.Helper()
	needChromium(t)
	a := newAuthority(t)
	cert, key := a.issue("server")
	flags := []string{"run", "--admin", "127.0.0.1:0", "-d", "example.com", "--tls-cert", cert, "--tls-key", key,
		"-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0", "-l", "wss:127.0.0.1:0?origin=" + origin}
	cmd := exec.Command(binary, append(flags, args...)...)
	cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_DRAIN=1s", "WEBRTC_USERS=alice:wonderland desk:lamp")
	s := launch(t, cmd)
	s.ready()
	return s, startChromium(t, cert)
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
// after a hold; and either hangs up. One has a password, and the other one a token.
func TestBrowsersCallEachOther(t *testing.T) {
	needChromium(t)
	origin := servePages(t)
	s, c := startWeb(t, origin, "--set", "token="+webKey, shipped("webrtc.lua"))
	alice, bob := c.registers(origin, "JsSIP", s.webWithToken("alice")), c.registers(origin, "SIP.js", s.webWithToken("bob"))
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
		mallory := c.phone(servePages(t), "JsSIP", s.webWithToken("alice"))
		if got := mallory.until("registered", "registrationFailed", "disconnected"); got != "disconnected" {
			t.Error(got)
		}
	})
	t.Run("nor one with another's token", func(t *testing.T) {
		conf := s.webWithToken("alice")
		conf.User = "bob"
		mallory := c.phone(origin, "SIP.js", conf)
		if got := mallory.until("registered", "registrationFailed", "disconnected"); got != "registrationFailed" {
			t.Error(got)
		}
	})
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
