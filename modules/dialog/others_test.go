//go:build unix

package dialog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Nodes count and list each other's calls, and can hang them up; what is not sound is passed over.
func TestNodesListEachOther(t *testing.T) {
	b := newBus()
	b.reports = map[string][]byte{
		"no JSON": []byte("{"), "a state that is none": []byte(`{"node":"x","count":7,"calls":[{"state":9,"id":"000000000000000000000000"}]}`),
		"less than no calls": []byte(`{"node":"y","count":-7}`), "less than none of a key": []byte(`{"node":"z","count":0,"keys":{"x":-7}}`),
		"nobody's": []byte(`{"node":"","count":7,"calls":[{"id":"000000000000000000000001","from":"<sip:alice@example.com>","state":1,"answered":1,"keys":["x"]}]}`),
	}
	script := scriptOf(`limits = { x = 3 }, keepalive = 0`, "", "10.0.0.3")
	one, two := newWorldOf(t, sharing(t, b), script), newWorldOf(t, sharing(t, b), script,
		luabindtest.Engine(func(c *engine.Config) { c.Seed = 99 }))
	<-b.ready
	<-b.ready
	alice, bob := one.Phone("alice", "10.0.0.2"), one.Phone("bob", "10.0.0.3")
	one.talk(alice, bob)
	own := one.only()
	all := func() []*dialog.Call { return two.d.ListAll(dialog.Filter{Key: "x", From: "sip:alice@example.com"}) }
	eventually(t, "the other node knows the call", func() bool { return len(all()) == 1 && all()[0].View().AnswerAt != 0 })
	if n, x, y := two.d.CountAll(""), two.d.CountAll("x"), two.d.CountAll("y"); n != 1 || x != 1 || y != 0 || two.d.Count("") != 0 {
		t.Errorf("%d calls, %d and %d by key", n, x, y)
	}
	for _, f := range []dialog.Filter{{Key: "y"}, {From: "sip:bob@example.com"}, {To: "sip:carol@example.com"}} {
		if list := two.d.ListAll(f); len(list) != 0 {
			t.Errorf("%+v leaves %v", f, list)
		}
	}
	c := all()[0]
	if c.ID() != own.ID() || c.Node() == "" || own.Node() != "" || c.View().CallID != own.View().CallID {
		t.Errorf("%v at %q", c, c.Node())
	}
	if got, err := two.Eval(`local c = require("dialog").list()[1] return require("dialog").count(), c.node ~= nil, c.state, c.caller, (c:hold())`); err != nil ||
		fmt.Sprint(got) != "[1 true confirmed sip:alice@example.com <nil>]" {
		t.Errorf("%v, %v", got, err)
	}
	two.ends(two.begin(c.Hold), dialog.ErrElsewhere.Error())
	two.ends(two.begin(func(done func(error)) bool { return c.Transfer("sip:x@example.com", dialog.TransferOptions{}, done) }), dialog.ErrElsewhere.Error())
	c.Extend(time.Hour)
	if _, ok := c.Limit(t.Context(), []dialog.Limit{{Key: "z", Most: 1}}); ok || two.d.Count("z") != 0 {
		t.Error("it was counted here")
	}
	if c.Keep("a", "b") {
		t.Error("it keeps what its own node does not know")
	}
	if _, err := two.Eval(`require("dialog").list()[1]:keep("a", "b")`); err == nil || !strings.Contains(err.Error(), dialog.ErrElsewhere.Error()) {
		t.Errorf("keep: %v", err)
	}
	if !c.Hangup("Q.850;cause=16") {
		t.Error("it can't be hung up")
	}
	eventually(t, "it ends at its own node", func() bool { one.Run(time.Millisecond); return own.View().Cause == "hung up" })
	if bye := one.Came(bob, "BYE"); string(bye.Msg.HeaderName("Reason")) != "Q.850;cause=16" {
		t.Errorf("%s", bye.Msg.AppendTo(nil))
	}
	eventually(t, "the other node knows that", func() bool { return len(all()) == 0 && two.d.CountAll("") == 0 })
}

// Who ends a call of another node is told if that can't hear of it.
func TestHangUpWhileRedisIsAway(t *testing.T) {
	b := newBus()
	script := scriptOf(`limits = { x = 9 }, keepalive = 0`, "", "10.0.0.3")
	one, two := newWorldOf(t, sharing(t, b), script), newWorldOf(t, sharing(t, b), script,
		luabindtest.Engine(func(c *engine.Config) { c.Seed = 99 }))
	<-b.ready
	<-b.ready
	one.talk(one.Phone("alice", "10.0.0.2"), one.Phone("bob", "10.0.0.3"))
	eventually(t, "the other node knows the call", func() bool { return len(two.d.ListAll(dialog.Filter{})) == 1 })
	c := two.d.ListAll(dialog.Filter{})[0]
	b.mu.Lock()
	b.away = true
	b.mu.Unlock()
	two.talk(two.Phone("alice", "10.0.0.2"), two.Phone("bob", "10.0.0.3")) // it notices
	if c.Hangup("") {
		t.Error("it says that the call is hung up")
	}
	var out bytes.Buffer
	for _, o := range two.d.API() {
		if o.Path == "/calls/{id}/hang_up" {
			r := httptest.NewRequest("POST", "/calls/x/hang_up", nil)
			r.SetPathValue("id", c.ID().String())
			w := httptest.NewRecorder()
			o.Serve(w, r)
			fmt.Fprint(&out, w.Code, w.Body)
		}
	}
	if !strings.HasPrefix(out.String(), "503") || !strings.Contains(out.String(), "while Redis is away") {
		t.Error(out.String())
	}
	if s := one.only().State(); s != track.Confirmed {
		t.Errorf("it is %v", s)
	}
}

// A call of another node is not in the journal of this one, which would have it after a restart.
func TestCallsOfOthersAreNotKept(t *testing.T) {
	b := newBus()
	b.reports = map[string][]byte{"x": []byte(`{"node":"x","count":1,"calls":[{"id":"000000000000000000000001","from":"<sip:alice@example.com>","state":1,"answered":1}]}`)}
	dir := t.TempDir()
	d, err := dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler), Data: dir, Share: b, ReportEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other node's call is known", func() bool { return len(d.ListAll(dialog.Filter{})) == 1 })
	c := d.ListAll(dialog.Filter{})[0]
	for _, value := range []any{"b", nil} {
		if c.Keep("a", value) {
			t.Errorf("%v is kept", value)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "dialog.journal")); err != nil || len(text) > 0 {
		t.Errorf("%s, %v", text, err)
	}
}

// What a node has said is there until its lease ends.
func TestRedisReports(t *testing.T) {
	server := redistest.Start(t)
	s, err := dialog.OpenRedis(clients.New(clients.Options{}), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	report := func(node, text string, lease time.Duration) string {
		t.Helper()
		all, err := s.Report(t.Context(), node, []byte(text), lease)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, one := range all {
			list = append(list, string(one))
		}
		return strings.Join(list, " ")
	}
	for _, row := range []struct{ name, got, want string }{
		{"the first", report("a", "one", time.Minute), "one"},
		{"again", report("a", "two", time.Minute), "two"},
		{"another", report("b", "three", 20*time.Millisecond), "two three"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("%q, want %q", row.got, row.want)
			}
		})
	}
	eventually(t, "the lease ends", func() bool { return report("a", "two", time.Minute) == "two" })
}
