package interop

// A time of day that jumps by a day under an engine: what is registered comes and goes by the clock
// there is, calls and timers take no notice.

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/redisstore"
	"github.com/sipscript/sipscript/modules/registrar/sqlitestore"
)

// jumping is the machine's clock, whose time of day a test sets.
type jumping struct {
	*lane.System
	by atomic.Int64
}

func (j *jumping) Wall() time.Time       { return j.System.Wall().Add(time.Duration(j.by.Load())) }
func (j *jumping) jump(by time.Duration) { j.by.Add(int64(by)) }

// located is a registrar and proxy in Go, over any store.
type located struct{ users *registrar.Registrar }

func (l *located) Start(e *engine.Engine) error { l.users.Attach(e); return nil }

func (l *located) Route(req *engine.Request) error {
	if req.InDialog() {
		_, err := req.Relay(nil, nil)
		return err
	}
	if req.Method() == message.MethodRegister {
		_, err := l.users.Save(req, nil)
		return err
	}
	uri, err := message.ParseURI(req.Message().RequestURI())
	if err != nil {
		return err
	}
	if err := req.RecordRoute(); err != nil {
		return err
	}
	now := req.Engine().Clock().Wall()
	list, err := engine.Await(req, func(ctx context.Context) ([]*registrar.Binding, error) { return l.users.Lookup(ctx, &uri, now) })
	if err != nil {
		return err
	}
	targets := make([]*engine.Target, 0, len(list)) // none is answered 480
	for _, b := range list {
		targets = append(targets, b.Target())
	}
	_, err = req.Relay(targets, nil)
	return err
}

func TestClockJumps(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, now func() time.Time) (registrar.Store, error){
		"memory": func(*testing.T, func() time.Time) (registrar.Store, error) { return registrar.NewMemory(), nil },
		"sqlite": func(t *testing.T, now func() time.Time) (registrar.Store, error) {
			return sqlitestore.Open(filepath.Join(t.TempDir(), "location.db"), sqlitestore.Options{Now: now})
		},
		"redis": func(t *testing.T, _ func() time.Time) (registrar.Store, error) {
			return redisstore.Open(redistest.Start(t).URL, redisstore.Options{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &jumping{System: lane.NewSystem()}
			store, err := open(t, clock.Wall)
			if err != nil {
				t.Fatal(err)
			}
			jumps(t, clock, store)
		})
	}
}

func jumps(t *testing.T, clock *jumping, store registrar.Store) {
	gone := make(chan string, 100)
	users := luabindtest.Must(registrar.New(registrar.Options{Store: store, Event: func(e registrar.Event) {
		if e.Kind == registrar.Expired {
			gone <- e.AOR
		}
	}}))
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: &located{users}, Clock: clock, MaxDelay: -1})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	t.Cleanup(func() {
		if err := eng.Shutdown(ended); err != nil {
			t.Error(err)
		}
		if err := users.Close(); err != nil {
			t.Error(err)
		}
	})
	via := peer.Server{Transport: "udp", Addr: eng.Locals()[0].Addr.String()}
	alice, bob := peer.New(t, "alice", "example.com", via), peer.New(t, "bob", "example.com", via)
	r := newRegistrant(t, 1, via.Addr)
	expire := func(want ...string) { // the sweep goes on
		t.Helper()
		var got []string
		for range want {
			select {
			case aor := <-gone:
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(aor, "sip:"), "@example.com"))
			case <-time.After(patience):
				t.Fatalf("expired: %q, want %q", got, want)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("expired: %q, want %q", got, want)
		}
	}
	n := 0
	stays := func(user string) { // registered for as long as was asked, and found
		t.Helper()
		n++
		answer := r.ask(user, n, patience, fmt.Sprintf("Contact: <sip:%s@%s>\r\n", user, r.conn.LocalAddr()))
		if !strings.HasPrefix(answer, "SIP/2.0 200 ") || !strings.Contains(answer, ";expires=3600") {
			t.Errorf("%s registers:\n%s", user, answer)
		}
		n++
		if answer := r.ask(user, n, patience, ""); !strings.Contains(answer, "Contact: <sip:"+user+"@") {
			t.Errorf("%s is lost:\n%s", user, answer)
		}
	}

	bob.Register()
	call := alice.Invite("sip:bob@example.com", nil)
	in := bob.Incoming()
	in.Reply(180, "Ringing")
	call.Provisional(180)
	stays("carol")

	clock.jump(24 * time.Hour)
	expire("bob", "carol")
	if code := alice.Send(alice.Request("MESSAGE", "sip:bob@example.com")).StatusCode; code != 480 {
		t.Errorf("bob, gone for a day: %d", code)
	}
	stays("dave")

	clock.jump(-48 * time.Hour)
	stays("carol")
	stays("dave")
	stays("erin")
	bob.Register()

	in.Reply(200, "OK") // none of it was a reason to end the call
	if code := call.Final().StatusCode; code != 200 {
		t.Errorf("the call: %d", code)
	}
	call.Ack()
	bob.Ack()
	call.Bye()
	bob.Bye()
	answered(t, alice, bob, "sip:bob@example.com")

	clock.jump(30 * time.Minute)
	stays("carol")
	stays("dave")
	answered(t, alice, bob, "sip:bob@example.com")
	clock.jump(31 * time.Minute) // an hour after it registered, whatever the clock said in between
	expire("bob", "erin")
}
