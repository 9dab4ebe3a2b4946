package docs

// This file tests that dialogs come back: whatever a ready script, a recipe, or a script of a page
// relays that can begin one bears our Record-Route (RFC 6665 §4.3: or its NOTIFY has no way), and
// that nobody is rung with what they have sent for themselves.

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/scripts"
)

// routing are all texts that route, by where they are.
func routing(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	add := func(where, text string) {
		if strings.Contains(text, "function route(") && !isSpec(text) {
			texts[where] = text
		}
	}
	for _, name := range scripts.Names() {
		text, err := scripts.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		add("scripts/"+name, string(text))
	}
	for _, f := range scripts.Start() {
		add("scripts/start/"+f.Name, string(f.Text))
	}
	for _, path := range recipes(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		add(strings.TrimPrefix(path, root+"/"), string(text))
	}
	for _, path := range readmes(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "lua-reference.md") || strings.Contains(path, filepath.Join("docs", "check.md")) {
			continue
		}
		for _, s := range Snippets(string(text)) {
			if s.Language == "lua" {
				add(fmt.Sprintf("%s:%d", strings.TrimPrefix(path, root+"/"), s.Line), s.Text)
			}
		}
	}
	return texts
}

// rings runs a text, and returns what comes to bob's phone of what a stranger, and bob himself,
// sends to bob. Texts that need something else to start, or ask everybody who they are, ring
// nothing.
func rings(t *testing.T, where, text string) (got []*message.Message) {
	t.Helper()
	modules, err := all.Offline()
	if err != nil {
		t.Fatal(err)
	}
	w, err := luabindtest.Try(t, text, luabindtest.Modules(modules...), luabindtest.Script(func(o *luabind.Options) { o.Name, o.Log = where, slog.New(slog.DiscardHandler) }))
	if err != nil {
		return nil
	}
	bob := w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() != message.MethodAck {
			got = append(got, m)
			p.Reply(m, in, 480, "")
		}
	})
	for i, x := range []struct{ method, from string }{{"REGISTER", "sip:bob@example.com"}, {"SUBSCRIBE", "sip:x@example.org"}, {"REFER", "sip:x@example.org"}, {"NOTIFY", "sip:x@example.org"},
		{"INVITE", "sip:x@example.org"}, {"SUBSCRIBE", "sip:bob@example.com"}, {"PUBLISH", "sip:bob@example.com"}} {
		bob.Send(luabindtest.Addr, []byte(fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKd%d\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=f\r\nTo: <sip:bob@example.com>\r\n"+
			"Call-ID: d%d\r\nCSeq: 1 %s\r\nContact: <sip:bob@10.0.0.9:5060>\r\nEvent: presence\r\nRefer-To: <sip:carol@example.com>\r\nContent-Length: 0\r\n\r\n", x.method, i, x.from, i, x.method)))
		w.Run(5 * time.Second)
	}
	return got
}

func TestDialogsComeBack(t *testing.T) {
	libraries, err := all.Libraries()
	if err != nil {
		t.Fatal(err)
	}
	checker, rung := check.New(libraries), 0
	for where, text := range routing(t) {
		t.Run(where, func(t *testing.T) {
			t.Chdir(t.TempDir()) // some open a database beside them
			for _, f := range checker.Source(where, text, nil) {
				if f.Rule == "record-route" {
					t.Errorf("%s", f)
				}
			}
			for _, m := range rings(t, where, text) {
				rung++
				own := strings.Contains(string(m.Header(message.HeaderFrom)), "bob@")
				switch method := string(m.MethodText()); {
				case own && (method == "SUBSCRIBE" || method == "PUBLISH") && strings.HasPrefix(where, "scripts/"):
					t.Errorf("bob is rung with the %s that he sent for himself", method)
				case m.Find(message.HeaderRecordRoute, 0) < 0 && method != "OPTIONS" && method != "MESSAGE" && method != "REGISTER" && method != "PUBLISH":
					t.Errorf("a %s without Record-Route", method)
				}
			}
		})
	}
	if rung < 40 {
		t.Errorf("the texts ring %d times: is the test still right?", rung)
	}
}
