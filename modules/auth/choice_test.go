package auth

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// A client that can't choose between algorithms gets in at its second attempt (trap 44).
func TestChoice(t *testing.T) {
	const both, md5 = "SHA-256 MD5", "MD5"
	register := func(p *asker, call string, headers ...string) string {
		p.T.Helper()
		lines := strings.Join(append(headers, ""), "\r\n")
		p.serial++
		m := p.Send(fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKc%d\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\nUser-Agent: phone/1\r\n%sContent-Length: 0\r\n\r\n",
			p.serial, call, p.serial, lines))
		if m == nil {
			return "nothing"
		}
		if m.Status() != 401 {
			return fmt.Sprint(m.Status())
		}
		var offered []string
		all := m.Elements(message.HeaderWWWAuthenticate)
		for all.Next() {
			v := string(all.Value)
			offered = append(offered, param(v, "algorithm"))
			p.nonce, p.opaque, p.realm = param(v, "nonce"), param(v, "opaque"), param(v, "realm")
		}
		return strings.Join(offered, " ")
	}
	answer := func(p *asker, algorithm string) string {
		p.algorithm = algorithm
		return "Authorization: " + p.credentials()
	}
	for _, c := range []struct {
		name string
		try  func(p *asker) []string
		want []string
		told int
	}{
		{"one that answers with SHA-256 goes on with it", func(p *asker) []string {
			return []string{register(p, "a"), register(p, "a", answer(p, "SHA-256")), register(p, "b"), register(p, "b", answer(p, "SHA-256")), register(p, "a")}
		}, []string{both, "200", both, "200", both}, 0},
		{"one that answers with MD5 has chosen", func(p *asker) []string {
			return []string{register(p, "a"), register(p, "a", answer(p, "MD5")), register(p, "a")}
		}, []string{both, "200", both}, 0},
		{"one that comes back without", func(p *asker) []string {
			return []string{register(p, "a"), register(p, "a"), register(p, "a", answer(p, "MD5")), register(p, "a"), register(p, "z")}
		}, []string{both, md5, "200", md5, md5}, 1},
		{"one that gives up", func(p *asker) []string {
			first := register(p, "a")
			p.Run(time.Minute)
			return []string{first, register(p, "b"), register(p, "b", answer(p, "MD5"))}
		}, []string{both, md5, "200"}, 1},
		{"one that asks for several things at once", func(p *asker) []string {
			return []string{register(p, "a"), register(p, "b"), register(p, "a", answer(p, "SHA-256")), register(p, "c")}
		}, []string{both, both, "200", both}, 0},
		{"one that hashes with MD5 whatever it is asked for", func(p *asker) []string {
			first := register(p, "a")
			wrong := strings.Replace(answer(p, "MD5"), "algorithm=MD5", "algorithm=SHA-256", 1)
			return []string{first, register(p, "a", wrong), register(p, "a", answer(p, "MD5"))}
		}, []string{both, md5, "200"}, 1},
		{"one that has learnt SHA-256 since", func(p *asker) []string {
			return []string{register(p, "a"), register(p, "a"), register(p, "a", answer(p, "SHA-256")), register(p, "b")}
		}, []string{both, md5, "200", both}, 1},
		{"it ends after a week", func(p *asker) []string {
			list := []string{register(p, "a"), register(p, "a")}
			p.Run(7 * 24 * time.Hour)
			return append(list, register(p, "b"))
		}, []string{both, md5, both}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer // one lane writes it
			w := world(t, `auth.users { alice = "open sesame" }`+reply, luabindtest.Engine(func(e *engine.Config) {
				e.Log = slog.New(slog.NewTextHandler(&log, nil))
			}))
			got := c.try(newPhone(w, client{}))
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if n := strings.Count(log.String(), "it is offered MD5 alone"); n != c.told || n > 0 && !strings.Contains(log.String(), "phone/1") {
				t.Errorf("told %d times, want %d:\n%s", n, c.told, log.String())
			}
		})
	}
}

// What algorithms may say.
func TestLuaAlgorithms(t *testing.T) {
	for said, want := range map[string]string{
		`"auto"`: "SHA-256 MD5", `"Auto"`: "SHA-256 MD5", `"md5"`: "MD5", `"MD5, SHA-512-256"`: "MD5 SHA-512-256",
		`{ "SHA-256" }`: "SHA-256", `{}`: "at least one", `"rot13"`: "unknown algorithm", `7`: "must be", `{ 7 }`: "must be", `""`: "unknown algorithm",
	} {
		t.Run(said, func(t *testing.T) {
			w, err := luabindtest.Try(t, head+`auth.configure { users = { alice = "open sesame" }, algorithms = `+said+` }`+reply, luabindtest.Modules(luabindtest.Must(New(Options{}))))
			if err != nil {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", said, err)
				}
				return
			}
			m := newPhone(w, client{}).send()
			var offered []string
			for all := m.Elements(message.HeaderWWWAuthenticate); all.Next(); {
				offered = append(offered, param(string(all.Value), "algorithm"))
			}
			if strings.Join(offered, " ") != want {
				t.Errorf("%s: %q, want %q", said, offered, want)
			}
		})
	}
}

// The memory is bounded.
func TestChoicesAreBounded(t *testing.T) {
	c, g := newChoices(), newGuesses()
	for i := range 2 * maxChoices {
		c.offer(g.whom(home, fmt.Append(nil, i), true)[0], []byte("a"), false, start)
	}
	if n := c.table.Len(); n > maxChoices {
		t.Errorf("%d are remembered", n)
	}
}
