package engine_test

// What is left of calls: nothing. After thousands of each kind over real sockets, with timers that
// are short, the process has as many goroutines as before, and as much memory.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

const (
	leakCallers = 48      // calls at a time
	leakHeap    = 1 << 20 // bytes that a measurement may be off
)

// leakKinds are the kinds of calls by the user that is called; want is how the caller's INVITE is
// answered.
var leakKinds = []struct {
	user string
	tcp  bool
	want int
}{
	{user: "answers", want: 200}, {user: "rings", want: 487}, {user: "busy", want: 486}, {user: "expires", want: 408}, {user: "silent", want: 408},
	{user: "forked", want: 200}, {user: "moved", want: 200}, {user: "redirected", want: 302}, {user: "answers", tcp: true, want: 200}, {user: "stateless", want: 200},
}

// leakRouter routes them to the callee.
func leakRouter(callee, calleeTCP string) routerFunc {
	return func(r *engine.Request) error {
		uri, err := message.ParseURI(r.Message().RequestURI())
		if err != nil {
			return err
		}
		user := string(uri.User)
		if user == "stateless" {
			_, err := r.Forward(&engine.Target{URI: "sip:stateless@" + callee})
			return err
		}
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		targets, o := to("sip:"+user+"@"+callee), &engine.ForkOptions{}
		switch user {
		case "expires", "silent":
			targets[0].Timeout = 5 * time.Millisecond
		case "forked":
			targets = to("sip:rings@"+callee, "sip:answers@"+callee)
			targets[1].Delay = time.Millisecond // the other one rings by then
		case "moved":
			o.FollowRedirects = true
		case "redirected":
			_, err := r.Redirect(targets, 302, 0)
			return err
		}
		if r.Source().Transport.Reliable() {
			targets = to("sip:" + user + "@" + calleeTCP + ";transport=tcp")
		}
		_, err = r.Relay(targets, o)
		return err
	}
}

func TestNothingIsLeftOfCalls(t *testing.T) {
	n := 5000
	if testing.Short() || raceEnabled {
		n = 500
	}
	udp, tcp := startLeakCallee(t)
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Domains: []string{"example.com"}, MaxDelay: -1,
		Timers: transaction.Timers{T1: 20 * time.Millisecond, T2: 80 * time.Millisecond, T4: 80 * time.Millisecond}, Router: leakRouter(udp, tcp)})
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
	})
	for _, kind := range leakKinds {
		name := kind.user
		if kind.tcp {
			name += " over tcp"
		}
		t.Run(name, func(t *testing.T) {
			callers := make([]*leakCaller, leakCallers)
			for i := range callers {
				callers[i] = newLeakCaller(t, eng, kind.tcp, i)
			}
			// Tables and pools grow to what this many callers need
			leakCalls(callers, n/4, kind.user, kind.want)
			base := settled(t, eng)
			began := time.Now()
			leakCalls(callers, n, kind.user, kind.want)
			took := time.Since(began)
			after := settled(t, eng)
			back := func() bool { return after.goroutines <= base.goroutines && after.heap <= base.heap+leakHeap }
			// A goroutine may be about to end
			for limit := time.Now().Add(20 * time.Second); !back() && time.Now().Before(limit); {
				after = settled(t, eng)
			}
			if !back() {
				t.Errorf("after %d calls: %+v, before: %+v", n, after, base)
			}
			t.Logf("%d calls in %s: %+v → %+v", n, took.Round(time.Millisecond), base, after)
		})
	}
	if s := eng.Stats(); s.RouteFailures != 0 || s.BadMessages != 0 {
		t.Errorf("%d failed routes, %d bad messages", s.RouteFailures, s.BadMessages)
	}
}

// leakCalls has all callers make calls, n in all, and waits for their end.
func leakCalls(callers []*leakCaller, n int, user string, want int) {
	var all sync.WaitGroup
	for i, c := range callers {
		share := n / len(callers)
		if i < n%len(callers) {
			share++
		}
		all.Go(func() {
			for range share {
				if err := c.call(user, want); err != nil {
					c.t.Error(fmt.Errorf("call %s: %w", c.id, err))
					return
				}
			}
		})
	}
	all.Wait()
}
