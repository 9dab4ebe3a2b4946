package uac_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	peer "github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/uac"
)

const trunkAddr = "10.0.0.9:5060"

// trunk is a registrar that asks for a password, which it checks with icholy/digest.
type trunk struct {
	t     *testing.T
	w     *luabindtest.World
	p     *luabindtest.Peer
	nonce int
	// What it answers with the right password; 0: 200
	deny    func(m *message.Message) (code int, headers string)
	silent  bool
	lose    func(m *message.Message) bool // what never came here
	answer  string                        // lines of its 200 instead of the contact
	also    string                        // further lines of its 200
	bound   map[string]time.Duration      // contacts, and when they end, by the world's time
	times   []time.Duration               // of REGISTERs that were accepted
	callIDs map[string]uint32             // the highest CSeq of each
}

func newTrunk(t *testing.T, w *luabindtest.World) *trunk {
	tr := &trunk{t: t, w: w, bound: map[string]time.Duration{}, callIDs: map[string]uint32{}}
	tr.p = w.Peer(trunkAddr, tr.serve)
	return tr
}

func (tr *trunk) serve(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
	if tr.silent || !m.IsRequest() || m.Method() != message.MethodRegister || tr.lose != nil && tr.lose(m) {
		return
	}
	cs, _ := m.CSeq()
	if id := string(m.CallID()); cs.Number < tr.callIDs[id] {
		tr.t.Errorf("CSeq fell from %d to %d", tr.callIDs[id], cs.Number)
	} else {
		tr.callIDs[id] = cs.Number
	}
	if !tr.proven(m) {
		tr.nonce++
		p.Reply(m, in, 401, fmt.Sprintf("WWW-Authenticate: Digest realm=\"t\", nonce=\"n%d\", algorithm=SHA-256, qop=\"auth\"\r\n", tr.nonce))
		return
	}
	if tr.deny != nil {
		if code, headers := tr.deny(m); code != 0 {
			p.Reply(m, in, code, headers)
			return
		}
	}
	c := m.Elements(message.HeaderContact)
	c.Next()
	a, err := message.ParseAddress(c.Value)
	if err != nil {
		tr.t.Errorf("contact: %v", err)
	}
	v, _ := a.Params.Get("expires")
	var seconds int
	fmt.Sscan(string(v), &seconds)
	if seconds == 0 {
		delete(tr.bound, string(a.URI))
	} else {
		tr.bound[string(a.URI)] = tr.w.Sim.Elapsed() + time.Duration(seconds)*time.Second
		tr.times = append(tr.times, tr.w.Sim.Elapsed())
	}
	listed := tr.answer
	if listed == "" {
		listed = "Contact: " + string(c.Value) + "\r\n"
	}
	p.Reply(m, in, 200, listed+tr.also)
}

// proven reports whether the credentials are right and for one of our nonces.
func (tr *trunk) proven(m *message.Message) bool {
	value := string(m.Header(message.HeaderAuthorization))
	if value == "" {
		return false
	}
	got, err := peer.ParseCredentials(value)
	if err != nil {
		tr.t.Errorf("%s: %v", value, err)
		return false
	}
	want, err := peer.Digest(&peer.Challenge{Realm: "t", Nonce: got.Nonce, Algorithm: "SHA-256", QOP: []string{"auth"}},
		peer.Options{Method: "REGISTER", URI: string(m.RequestURI()), Username: "4930", Password: "s3cret", Cnonce: got.Cnonce, Count: got.Nc})
	return err == nil && want.Response == got.Response && got.Nonce == fmt.Sprintf("n%d", tr.nonce)
}

// holds reports whether a contact is bound now.
func (tr *trunk) holds(contact string) bool { return tr.bound[contact] > tr.w.Sim.Elapsed() }

const ourContact = "sip:4930@10.0.0.1:5060"

const line = `uac.register { name = "trunk", registrar = "sip:10.0.0.9", user = "4930", password = "s3cret" }`

// world is a script that begins with the module.
func world(t *testing.T, script string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, head+script, append(options, luabindtest.Modules(uac.New(uac.Options{})))...)
}

const head = `
local uac = require "uac"
local log = sip.shared("log")
for _, name in ipairs{"registered", "failed", "unregistered"} do
  sip.on("uac." .. name, function(who, what, code) log:incr(name .. " " .. who) log:set("last " .. name, tostring(what)) end)
end
if not route then function route(req) req:reply(488) end end
`

// events is how often an event came.
func events(t *testing.T, w *luabindtest.World, name string) int {
	t.Helper()
	got, err := w.Eval(fmt.Sprintf("return sip.shared('log'):get(%q) or 0", name))
	if err != nil {
		t.Fatal(err)
	}
	return int(got[0].(float64))
}

// state is how the only registration stands: "registered 3600 nil 200".
func state(t *testing.T, w *luabindtest.World) string {
	t.Helper()
	got, err := w.Eval(`local s = {} for i, r in ipairs(require("uac").registrations()) do
		s[i] = string.format("%s %s %s %s %s", r.name, r.state, r.expires and "left" or "none", tostring(r.error), tostring(r.code)) end
		return table.concat(s, "; ")`)
	if err != nil {
		t.Fatal(err)
	}
	return got[0].(string)
}

// file is a script on disk that can be written again and loaded.
type file struct {
	t    *testing.T
	path string
	w    *luabindtest.World
}

func newFile(t *testing.T, script string) *file {
	f := &file{t: t, path: filepath.Join(t.TempDir(), "route.lua")}
	f.write(script)
	f.w = luabindtest.New(t, "", luabindtest.Modules(uac.New(uac.Options{})), luabindtest.Script(func(o *luabind.Options) { o.Script = f.path }))
	return f
}

func (f *file) write(script string) {
	if err := os.WriteFile(f.path, []byte(head+script), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) reload(script string) error {
	f.write(script)
	return f.w.Router.Reload(f.t.Context())
}

func wantNoSecret(t *testing.T, w *luabindtest.World) {
	t.Helper()
	if strings.Contains(w.Log(), "s3cret") {
		t.Error("the password is in the log")
	}
}
