package presence_test

// This file tests what outlives the process with --data.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/registrar"
)

// kept is a world whose state is kept in dir. Nobody closes its module: it is killed.
func kept(t *testing.T, dir string) *world { return keptWith(t, dir, everybody) }

// keptWith is kept with other options.
func keptWith(t *testing.T, dir, options string) *world {
	t.Helper()
	users := luabindtest.Must(registrar.New(registrar.Options{}))
	start := luabindtest.New(t, "function route(req) end").Sim.Wall()
	w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users, Keep: dir, Now: func() time.Time { return start }}))}
	w.World = luabindtest.New(t, fmt.Sprintf(script, options), luabindtest.Modules(users, w.module),
		luabindtest.Wrap(func(r *luabind.Router) engine.Router { return vouching{r} }))
	return w
}

// A process that is killed comes back with what was published and who watched: watchers are told
// again, with higher numbers, and may refresh; publishers may modify.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	w := kept(t, dir)
	bob, alice, carol := w.phone("bob"), w.phone("alice"), w.phone("carol")
	tag := string(bob.Publish("presence", "", pidf("a", "open")).HeaderName("SIP-ETag"))
	bob.Publish("presence", "Expires: 60\r\n", pidf("brief", "open"))
	over := string(bob.Publish("presence", "", pidf("over", "open")).HeaderName("SIP-ETag"))
	bob.Publish("presence", "SIP-If-Match: "+over+"\r\nExpires: 0\r\n", "")
	if _, err := w.Eval(`assert(require("presence").set("sip:bob@example.com", "message-summary", { voice = { new = 1 } }))`); err != nil {
		t.Fatal(err)
	}
	_, id := alice.Subscribe("bob", "presence", "")
	_, _, before := alice.Told()
	_, ended := carol.Subscribe("bob", "presence", "")
	carol.Told()
	carol.Again(ended, "Expires: 0\r\n")
	carol.Told()
	w.Run(time.Second)
	if err := presence.Flush(w.module); err != nil {
		t.Fatal(err)
	}

	next := kept(t, dir)
	next.phone("bob") // phones are numbered: the same addresses
	alice2 := next.phone("alice")
	alice2.Dialogs, alice2.CSeq = alice.Dialogs, alice.CSeq
	state, body, after := alice2.Told()
	was, _ := before.CSeq()
	is, _ := after.CSeq()
	if string(after.CallID()) != id || is.Number <= was.Number || state[:6] != "active" {
		t.Errorf("told %s, CSeq %d after %d", state, is.Number, was.Number)
	}
	for text, want := range map[string]bool{`id="a"`: true, `id="brief"`: true, `id="over"`: false} {
		t.Run(text, func(t *testing.T) {
			if has := strings.Contains(body, text); has != want {
				t.Errorf("%v in\n%s", has, body)
			}
		})
	}
	if res := alice2.Again(id, "Expires: 600\r\n"); res.Status() != 200 {
		t.Errorf("refreshed: %d", res.Status())
	}
	alice2.Told()
	bob2 := next.phone("bob")
	if res := bob2.Publish("presence", "SIP-If-Match: "+tag+"\r\n", pidf("a", "closed")); res.Status() != 200 {
		t.Errorf("modified: %d", res.Status())
	}
	alice2.Hears("active", "closed")
	if got, err := next.Eval(`return #require("presence").watchers("sip:bob@example.com"), require("presence").get("sip:bob@example.com", "message-summary")`); err != nil || got[0] != 1.0 || got[1] == nil {
		t.Errorf("%v, %v", got, err)
	}
	if err := next.module.Close(); err != nil {
		t.Error(err)
	}
}

// Numbers rise over two crashes in a row, with no SUBSCRIBE between them.
func TestKilledTwice(t *testing.T) {
	dir := t.TempDir()
	w := kept(t, dir)
	w.phone("alice").Subscribe("bob", "dialog", "")
	w.Run(time.Second)
	seen, number := map[string]bool{}, uint32(0)
	for range 3 {
		if err := presence.Flush(w.module); err != nil {
			t.Fatal(err)
		}
		w = kept(t, dir)
		_, body, m := w.phone("alice").Told()
		_, body, _ = strings.Cut(body, "<dialog-info")
		_, version, _ := strings.Cut(body, ` version="`)
		version, _, _ = strings.Cut(version, `"`)
		cseq, _ := m.CSeq()
		if cseq.Number <= number || seen[version] || version == "" {
			t.Errorf("CSeq %d after %d, version %s once more: %v", cseq.Number, number, version, seen[version])
		}
		number, seen[version] = cseq.Number, true
		w.Run(time.Second)
	}
	if err := w.module.Close(); err != nil {
		t.Error(err)
	}
}

// A server that is stopped leaves alone those whose subscriptions it brings back.
func TestDetachKeeps(t *testing.T) {
	dir := t.TempDir()
	w := kept(t, dir)
	alice := w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Told()
	w.Run(time.Second)
	w.Sim.Do(func() { _ = w.module.Detach(t.Context(), w.Engine) })
	alice.Quiet(time.Second)
	if err := w.module.Close(); err != nil {
		t.Fatal(err)
	}
	w = kept(t, dir)
	w.phone("alice").Hears("active")
	if err := w.module.Close(); err != nil {
		t.Error(err)
	}
}

// A list that is watched is watched after a crash: with what may be seen of each member, though the
// list has one more meanwhile.
func TestListKilled(t *testing.T) {
	dir := t.TempDir()
	const list = `interval = 0, authorize = function(watcher, user) return user ~= "sip:carol@example.com" end, lists = { { uri = "sip:friends@example.com", members = { %s } } },`
	w := keptWith(t, dir, fmt.Sprintf(list, `"sip:bob@example.com", "sip:carol@example.com"`))
	w.phone("bob").Publish("presence", "", pidf("a", "open"))
	alice := w.phone("alice")
	_, id := alice.Subscribe("friends", "presence", knowsLists)
	alice.Hears("active", `<tuple id="a">`)
	w.Run(time.Second)
	if err := presence.Flush(w.module); err != nil {
		t.Fatal(err)
	}
	next := keptWith(t, dir, fmt.Sprintf(list, `"sip:dave@example.com", "sip:bob@example.com", "sip:carol@example.com"`))
	bob := next.phone("bob")
	alice2 := next.phone("alice")
	alice2.Dialogs, alice2.CSeq = alice.Dialogs, alice.CSeq
	alice2.Hears("active", `fullState="true"`, `<tuple id="a">`, `<resource uri="sip:carol@example.com"><instance id="1" state="terminated" reason="rejected"/>`)
	next.phone("carol").Publish("presence", "", pidf("c", "open"))
	bob.Publish("presence", "", pidf("b", "open"))
	alice2.Hears("active", `fullState="false"`, `<tuple id="b">`, "!carol", "!dave")
	if res := alice2.Again(id, knowsLists+"Expires: 600\r\n"); res.Status() != 200 || string(res.HeaderName("Require")) != "eventlist" {
		t.Errorf("refreshed: %d", res.Status())
	}
	if err := next.module.Close(); err != nil {
		t.Error(err)
	}
}

// What refresh has found outlives a crash, though the watcher has sent nothing since.
func TestRefreshKilled(t *testing.T) {
	dir := t.TempDir()
	const options = `interval = 0, authorize = function(watcher, user) return watcher == user or sip.shared("said"):get("yes") or "pending" end,`
	w := keptWith(t, dir, options)
	alice := w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Hears("pending")
	if got, err := w.Eval(`sip.shared("said"):set("yes", true) return require("presence").refresh("sip:bob@example.com")`); err != nil || got[0] != 1.0 {
		t.Fatal(got, err)
	}
	alice.Hears("active")
	w.Run(time.Second)
	if err := presence.Flush(w.module); err != nil {
		t.Fatal(err)
	}
	next := keptWith(t, dir, options)
	next.phone("alice").Hears("active", "closed")
	if err := next.module.Close(); err != nil {
		t.Error(err)
	}
}
