package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// inviter notes what becomes of an INVITE.
type inviter struct {
	said    []string
	refused int
}

func (i *inviter) Progress(_ *engine.Invitation, res *message.Message) {
	i.said = append(i.said, fmt.Sprint(res.Status()))
}

func (i *inviter) Refused(_ *engine.Invitation, res *engine.Response, err error) {
	i.refused++
	if err == nil {
		i.said = append(i.said, fmt.Sprint("refused ", res.Code()))
		return
	}
	i.said = append(i.said, "failed")
}

// onLane has f run with the token of the bench's lane.
func (b *bench) onLane(f func(l *lane.Lane)) {
	b.w.Do(func() { b.eng.Lanes()[0].Run(lane.Func(f), nil) })
}

// invites sends an INVITE of the engine's own to the two addresses of a name.
func (b *bench) invites(h engine.Inviter) (i *engine.Invitation) {
	b.t.Helper()
	b.onLane(func(l *lane.Lane) {
		var err error
		s := &engine.SendSpec{Method: "INVITE", CallID: b.eng.NewCallID(l),
			Target: &engine.Target{URI: "sip:bob@pbx.example", Credentials: &engine.Credentials{User: "u", Password: "p"}}}
		if i, err = b.eng.Invite(l, s, "us", h); err != nil {
			b.t.Fatal(err)
		}
	})
	return i
}

func refuseAll(r *engine.Request) error {
	_, err := r.Reply(403, "", nil)
	return err
}

// twoAddresses are those of a name.
func twoAddresses(c *engine.Config, w *sim.World) {
	c.Resolver = names(w, 0, map[string]string{"pbx.example": "udp:10.0.0.3:5060 udp:10.0.0.4:5060"})
}

const askPassword = "Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\", qop=\"auth\"\r\n"

// An INVITE of our own that was cancelled is sent to nobody again (§9.1): whom it rang has no
// caller.
func TestCancelledInviteIsNotSentAgain(t *testing.T) {
	for _, row := range []struct {
		name    string
		rings   bool
		code    int // 0: silence
		headers string
		want    string
	}{
		{"a challenge", true, 407, askPassword, "[180 refused 407]"},
		{"a challenge before it rings", false, 407, askPassword, "[refused 407]"},
		{"unavailable", true, 503, "", "[180 refused 503]"},
		{"dead", false, 0, "", "[failed]"},
		{"cancelled", true, 487, "", "[180 refused 487]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBenchWith(t, 1, refuseAll, twoAddresses)
			bob, other := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
			h := &inviter{}
			i := b.invites(h)
			invite := bob.expect("INVITE")
			if row.rings {
				bob.reply(invite, 180, "")
				b.w.Run(100 * time.Millisecond)
			}
			b.onLane(func(*lane.Lane) { i.Cancel() })
			if row.rings {
				bob.reply(bob.expect("CANCEL"), 200, "")
			}
			if row.code != 0 {
				bob.reply(invite, row.code, row.headers)
				bob.expect("ACK")
			}
			branch := topBranch(t, invite.msg)
			b.quiet()
			for _, r := range append(bob.got, other.got...) {
				if r.msg.Method() == message.MethodInvite && topBranch(t, r.msg) != branch {
					t.Errorf("sent again:\n%s", r.p.Bytes)
				}
			}
			if got := fmt.Sprint(h.said); got != row.want || h.refused != 1 {
				t.Errorf("%s, refused %d times; want %s", got, h.refused, row.want)
			}
		})
	}
}

func topBranch(t *testing.T, m *message.Message) string {
	t.Helper()
	via, err := m.TopVia()
	if err != nil {
		t.Fatal(err)
	}
	return string(via.Branch())
}

// A BYE of our own is sent though its lane takes no more work: nothing else tells the party that
// the call is over.
func TestByeFromAFullLane(t *testing.T) {
	for _, row := range []struct {
		method string
		sent   bool
	}{{"BYE", true}, {"INFO", false}} {
		t.Run(row.method, func(t *testing.T) {
			b := newBench(t, 1, refuseAll)
			bob := b.phone("10.0.0.3:5060")
			answers := 0
			var err error
			b.onLane(func(l *lane.Lane) {
				s := &engine.SendSpec{Method: row.method, URI: "sip:bob@10.0.0.3:5060", CallID: b.eng.NewCallID(l)}
				fill(l)
				err = b.eng.SendAsync(s, func(*engine.Response, error) { answers++ })
			})
			if (err == nil) != row.sent {
				t.Fatalf("SendAsync says %v", err)
			}
			if row.sent {
				bob.reply(bob.expect("BYE"), 200, "")
			}
			b.quiet()
			if (answers == 1) != row.sent {
				t.Errorf("%d answers", answers)
			}
		})
	}
}

// slowPart is a Part whose calls take a while to end.
type slowPart struct {
	asked atomic.Int32 // how often, since they were told to end
	told  atomic.Bool
}

const askedOften = 4

func (*slowPart) Attach(*engine.Engine) error { return nil }
func (p *slowPart) EndCalls()                 { p.told.Store(true) }
func (p *slowPart) Calls() int {
	if p.told.Load() && p.asked.Add(1) >= askedOften {
		return 0
	}
	return 1
}

// Shutdown waits until the calls of the parts are over: their BYEs may have to be repeated.
func TestShutdownWaitsForOwnCalls(t *testing.T) {
	p := &slowPart{}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Parts: []engine.Part{p}, Router: routerFunc(refuseAll)})
	if err == nil {
		err = e.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil || p.asked.Load() < askedOften {
		t.Errorf("%v; it was asked %d times", err, p.asked.Load())
	}
}
