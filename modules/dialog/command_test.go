package dialog_test

// This file tests the admin API and the command.

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/ops/openapi"
)

// command runs a command while time passes, and phones answer what they are asked.
func (w *world) command(flags map[string]any, words string, phones ...*phone.Phone) string {
	w.t.Helper()
	done := make(chan string, 1)
	go func() {
		out, err := hosttest.Run(dialog.Plugin().Commands[0], "dialog", w.d.API(), flags, strings.Fields(words)...)
		done <- strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}()
	for range 5000 {
		select {
		case got := <-done:
			return got
		case <-time.After(time.Millisecond):
		}
		w.Run(10 * time.Millisecond)
		for _, p := range phones {
			for _, r := range p.Inbox() {
				switch method := r.Method(); {
				case r.Answered() != 0:
				case method == "INVITE":
					answer(w.t, r)
				case method == "REFER":
					w.Reply(r, 603)
				}
			}
		}
	}
	w.t.Fatal("the command does not end")
	return ""
}

// patient is an answer that remembers until when it may be written.
type patient struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (p *patient) SetWriteDeadline(until time.Time) error { p.until = until; return nil }

// A transfer may be answered later than other requests: when the target had its time.
func TestTransferMayTakeItsTime(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	for _, row := range []struct {
		body string
		want time.Duration
	}{{`{"target": "sip:carol@example.com"}`, 70 * time.Second}, {`{"target": "sip:carol@example.com", "timeout": 600}`, 610 * time.Second}} {
		t.Run(row.body, func(t *testing.T) {
			began, out := time.Now(), &patient{ResponseRecorder: httptest.NewRecorder()}
			openapi.Handler(w.d.API()).ServeHTTP(out, httptest.NewRequest("POST", "/calls/000000000000000000000000/transfer", strings.NewReader(row.body)))
			if out.Code != 404 || out.until.Before(began.Add(row.want)) || out.until.After(time.Now().Add(row.want)) {
				t.Errorf("%d, until %v", out.Code, out.until.Sub(began))
			}
		})
	}
}

// The operator holds and transfers calls.
func TestCallsAreAsked(t *testing.T) {
	w := newWorld(t, scriptOf("", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.speak(alice, bob)
	id := w.only().ID().String()
	for _, row := range []struct {
		name, words string
		who         string
		want        string
	}{
		{"hold", "calls hold " + id, "", "<nil>"},
		{"on hold", "calls", "", id + " held "},
		{"resume", "calls resume " + id, "", "<nil>"},
		{"not on hold", "calls", "", id + " confirmed "},
		{"hold of none", "calls hold", "", "expected the id"},
		{"hold of another", "calls hold 000000000000000000000000", "", "000000000000000000000000: 404 there is no call with this id"},
		{"transfer to what", "calls transfer " + id, "", "expected the id of a call, and a URI"},
		{"transfer of whom", "calls transfer " + id + " sip:carol@example.com", "me", `400 who is "caller" or "callee"`},
		{"transfer to nobody", "calls transfer " + id + " carol", "", "400 the target is not a sip or sips URI"},
		{"transfer", "calls transfer " + id + " sip:carol@example.com", "callee", "409 the callee answered 603"},
		{"transfer of the caller", "calls transfer " + id + " sip:carol@example.com", "", "409 the caller answered 603"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.Run(20 * time.Millisecond)
			if got := w.command(map[string]any{"who": row.who}, row.words, alice, bob); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	w.calls(1)
}
