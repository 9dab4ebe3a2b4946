package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/digest"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/ops/replay"
)

// replayedServer is a server that has served requests, and the path of its script.
type replayedServer struct {
	t      *testing.T
	s      *server
	log    *lockedBuffer
	script string
	phone  net.Conn
	serial int
}

func servedRequests(t *testing.T, script string, flags ...string) *replayedServer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	s, log := served(t, append(flags, path)...)
	phone, err := net.Dial("udp", s.engine.Locals()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = phone.Close() })
	return &replayedServer{t, s, log, path, phone, 0}
}

// beside writes another script, and returns its path.
func (r *replayedServer) beside(name, text string) string {
	r.t.Helper()
	path := filepath.Join(filepath.Dir(r.script), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// send sends a request, and returns its final response.
func (r *replayedServer) send(method, uri, user string, cseq int, more string) string {
	r.t.Helper()
	r.serial++
	id := fmt.Sprint("request", r.serial)
	request := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=%s\r\nTo: <sip:%s@example.com>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, r.phone.LocalAddr(), id, user, id, user, id, cseq, method, more)
	buffer := make([]byte, 65536)
	for range 60 {
		if _, err := r.phone.Write([]byte(request)); err != nil {
			r.t.Fatal(err)
		}
		for end := time.Now().Add(500 * time.Millisecond); ; {
			_ = r.phone.SetReadDeadline(end)
			n, err := r.phone.Read(buffer)
			if err != nil {
				break
			}
			text := string(buffer[:n])
			if strings.HasPrefix(text, "SIP/2.0 ") && !strings.HasPrefix(text, "SIP/2.0 1") && strings.Contains(text, "Call-ID: "+id+"\r\n") {
				return text
			}
		}
	}
	r.t.Fatal("no answer")
	return ""
}

// authorized is send with credentials, after a challenge.
func (r *replayedServer) authorized(method, uri, user, password, more string) string {
	r.t.Helper()
	first := r.send(method, uri, user, 1, more)
	var m message.Message
	if err := m.Parse([]byte(first), &message.Limits{}); err != nil {
		r.t.Fatal(err)
	}
	from, header := message.HeaderWWWAuthenticate, "Authorization"
	if m.Header(from) == nil {
		from, header = message.HeaderProxyAuthenticate, "Proxy-Authorization"
	}
	c, err := digest.Choose(&m, from)
	if err != nil {
		r.t.Fatalf("%v: %s", err, first)
	}
	return r.send(method, uri, user, 2, header+": "+c.Answer(&digest.Request{Method: method, URI: uri, User: user, Password: password, Cnonce: "0a4f113b"})+"\r\n"+more)
}

const withUsers = `local auth, registrar = require "auth", require "registrar"
auth.configure{ realm = "example.com", users = { alice = "secret" }, algorithms = { "MD5" } }
local seen = sip.shared("seen")
function route(req)
  local user = auth.require(req)
  if not user then return end
  if req.method == "REGISTER" then return registrar.save(req) end
  seen:incr(user)
  local where = registrar.lookup(req.ruri)
  if not where then return req:reply(404) end
  req:reply(%s)
end
`

func TestReplay(t *testing.T) {
	r := servedRequests(t, fmt.Sprintf(withUsers, "200"), "--no-watch", "--domain", "example.com")
	if text := r.authorized("REGISTER", "sip:example.com", "alice", "secret", "Contact: <sip:alice@10.9.9.9>\r\n"); !strings.HasPrefix(text, "SIP/2.0 200") {
		t.Fatal(text)
	}
	for range 3 {
		if text := r.authorized("MESSAGE", "sip:alice@example.com", "alice", "secret", ""); !strings.HasPrefix(text, "SIP/2.0 200") {
			t.Fatal(text)
		}
	}
	for _, row := range []struct {
		name   string
		script string // of the new file
		line   string // FILE is it
		code   int
		want   []string
	}{
		{"the server's own file", "", "replay --gate", 0, []string{"8 requests were replayed, 8 compared: 8 are decided alike", "the gate is open"}},
		{"the same script", fmt.Sprintf(withUsers, "200"), "replay FILE", 0, []string{"8 are decided alike"}},
		{"another answer", fmt.Sprintf(withUsers, "202"), "replay --gate=codes FILE", 1, []string{"3 MESSAGE requests, such as sip:alice@example.com", "→ 202", "the gate is shut: codes: 3 of 8 requests differ, and 0 may"}},
		{"which may be", fmt.Sprintf(withUsers, "202"), "replay --gate codes=3 FILE", 0, []string{"the gate is open"}},
		{"a script error", fmt.Sprintf(withUsers, "nil + 1"), "replay --gate FILE", 1, []string{"new.lua:11: attempt to add nil and number", "by            reply route.lua:11 → auth.require new.lua:5", "the gate is shut: errors: 3 of 8", "refused: 3 of 8"}},
		{"an error in the file", "function", "replay FILE", 1, []string{"syntax error"}},
		{"no file", "", "replay /does/not/exist.lua", 1, []string{"no such file"}},
		{"another realm", strings.Replace(fmt.Sprintf(withUsers, "200"), "example.com", "example.net", 1), "replay FILE", 0, []string{"→ auth.require: false", "→ 407"}},
		{"the dictionaries and bindings are the server's", strings.Replace(fmt.Sprintf(withUsers, "200"), "seen:incr(user)", "if seen:get(user) < 3 then return req:reply(404) end", 1), "replay --last 1 FILE", 0, []string{"1 compared: 1 are decided alike"}},
		{"it asks a server", "local http = require 'http'\n" + strings.Replace(fmt.Sprintf(withUsers, "202"), "seen:incr", "http.get('http://192.0.2.1/x') seen:incr", 1), "replay FILE", 0, []string{"5 compared: 5 are decided alike", "not compared: 3 (asks http)"}},
		{"the last ones", fmt.Sprintf(withUsers, "202"), "replay --last 2 FILE", 0, []string{"2 requests were replayed, 2 compared: 1 are decided alike"}},
		{"as JSON", fmt.Sprintf(withUsers, "202"), "replay --json --gate=any FILE", 1, []string{`"kind": "codes"`, `"passed": false`, `"same": 5`}},
		{"no rule", "", "replay --gate=x", 2, []string{"--gate=x", "is not a rule"}},
		{"no number", "", "replay --last 0", 2, []string{"expected 1 to 10000"}},
		{"two files", "", "replay a b", 2, []string{"one FILE"}},
		{"not enough time", fmt.Sprintf(withUsers, "202"), "replay --replay-time 1ns FILE", 1, []string{"the replay was not over after 1ns"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := ""
			if row.script != "" {
				file = r.beside("new.lua", row.script)
			}
			code, out := commanded(r.s, strings.ReplaceAll(row.line, "FILE", file))
			if code != row.code {
				t.Errorf("exit %d: %s", code, out)
			}
			for _, want := range row.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if strings.Contains(out, "secret") {
				t.Errorf("a secret: %s", out)
			}
		})
	}
}

// Of credentials that nobody checked when they came, nobody knows whether they were right.
func TestReplayOfUncheckedCredentials(t *testing.T) {
	r := servedRequests(t, "function route(req) req:reply(200) end", "--domain", "example.com")
	for range 2 {
		r.send("MESSAGE", "sip:alice@example.com", "alice", 1, "Proxy-Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"n\", uri=\"sip:alice@example.com\", response=\"00000000000000000000000000000000\"\r\n")
	}
	r.send("MESSAGE", "sip:alice@example.com", "alice", 1, "")
	code, out := commanded(r.s, "replay "+r.beside("new.lua", fmt.Sprintf(withUsers, "200")))
	for _, want := range []string{"not compared: 2 (asks credentials)", "1 MESSAGE request,", "→ 407"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d, %q is not in\n%s", code, want, out)
		}
	}
}

// A gate keeps a server from loading a script, and lets it load another.
func TestReloadGate(t *testing.T) {
	const answers = "function route(req) req:reply(%s) end"
	r := servedRequests(t, fmt.Sprintf(answers, "200"))
	for range 3 {
		r.send("OPTIONS", "sip:example.com", "bob", 1, "")
	}
	for _, row := range []struct {
		name, script, line string
		code               int
		want, now          string // now: how a request is answered afterwards
	}{
		{"shut", fmt.Sprintf(answers, "404"), "reload --gate --script FILE", 1, "the reload was refused by the gate; the server continues as before", "200"},
		{"shut before a canary", fmt.Sprintf(answers, "404"), "reload --gate --canary 5% --script FILE", 1, "refused: 4 of", "200"},
		{"shut by a rule behind it", fmt.Sprintf(answers, "404"), "reload --gate codes --script FILE", 1, "the gate is shut: codes: ", "200"},
		{"no rule", "", "reload --gate eror=1 --canary 5%", 2, `found "eror=1", which is no rule of --gate either: "eror" is not a rule`, "200"},
		{"open", fmt.Sprintf(answers, "202"), "reload --gate --script FILE", 0, "reloaded: now serving generation 2", "202"},
		{"without one", fmt.Sprintf(answers, "404"), "reload --script FILE", 0, "reloaded: now serving generation 3", "404"},
		{"a canary beside a script that is watched", fmt.Sprintf(answers, "488"), "reload --canary 100% --after 1h --script FILE", 0, "is on trial", "488"},
		{"elsewhere", "", "reload --script /etc/passwd", 1, "in the directory of the server's script", "488"},
		{"elsewhere, on trial", "", "reload --canary 5% --script ../route.lua", 1, "in the directory of the server's script", "488"},
		{"refused", "function", "reload --script FILE", 1, "syntax error", "404"},
		{"without a gate", "", "reload --last 5", 2, "go with --gate", "404"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := ""
			if row.script != "" {
				file = r.beside(strings.ReplaceAll(row.name, " ", "-")+".lua", row.script)
			}
			code, out := commanded(r.s, strings.ReplaceAll(row.line, "FILE", file))
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("%d, want %d %q: %s", code, row.code, row.want, out)
			}
			if got := r.send("OPTIONS", "sip:example.com", "bob", 1, ""); !strings.HasPrefix(got, "SIP/2.0 "+row.now) {
				t.Errorf("now: %.40s, want %s", got, row.now)
			}
		})
	}
}

// What is secret in arguments and requests is not given away, and a server without a ring has
// nothing.
func TestReplayMaterial(t *testing.T) {
	r := servedRequests(t, "function route(req) req:reply(200) end", "--set", "db_password=hidden", "--set", "site=a")
	r.send("OPTIONS", "sip:example.com", "bob", 1, "Authorization: Digest username=\"bob\", realm=\"x\", response=\"0123456789abcdef\"\r\n")
	text := string(posted(t, r.s, replayPath, `{"last": 5}`))
	var m replay.Material
	if err := json.Unmarshal([]byte(text), &m); err != nil || len(m.Requests) != 1 || m.Script.Args["site"] != "a" || m.Script.Args["db_password"] != "***" || m.Script.Path != r.script {
		t.Fatalf("%v %s", err, text)
	}
	if got := string(m.Requests[0].Text); !strings.Contains(got, `response="****************"`) {
		t.Error(got)
	}
	for _, body := range []string{`{"last": 0}`, `{"last": 10001}`, `{"more": 1}`, `x`} {
		t.Run(body, func(t *testing.T) {
			if text := string(posted(t, r.s, replayPath, body)); !strings.Contains(text, "expected") {
				t.Error(text)
			}
		})
	}
	t.Run("no ring", func(t *testing.T) {
		s, _ := served(t, "--ring", "0")
		if code, out := commanded(s, "replay"); code != 1 || !strings.Contains(out, "remembers no calls") {
			t.Errorf("%d %s", code, out)
		}
	})
}

// posted is what the server answers.
func posted(t *testing.T, s *server, path, body string) []byte {
	t.Helper()
	res, err := http.Post("http://"+s.admin.Addr().String()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
