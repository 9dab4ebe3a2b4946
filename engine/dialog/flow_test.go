package dialog_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
)

// A caller who is reached on its connection alone and loses it: the call ends when it has been gone
// for as long as it may, whatever the state, and goes on if it comes back in time.
func TestFlowLost(t *testing.T) {
	for _, c := range []struct {
		name     string
		answered bool
		back     bool
		moves    int    // the legs go to other lanes meanwhile
		want     string // what bob gets
	}{
		{"while they talk", true, false, 0, "BYE"},
		{"while it rings", false, false, 0, "CANCEL"},
		{"and comes back", true, true, 0, ""},
		{"and goes to other lanes", true, false, 3, "BYE"},
		{"goes to other lanes, and comes back", true, true, 3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBenchOn(t, 1, dialog.Options{}, 3)
			var caller *dialog.Leg
			p, err := phone.New(b.w, phone.Options{Name: "alice", URI: "sip:alice@example.com", Addr: netip.MustParseAddrPort("10.0.1.1:5060"), Proxy: netip.MustParseAddrPort(here),
				Kind: transport.TCP, Outbound: true, Trouble: func(err error) { t.Error(err) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			bob := b.phone("bob", "10.0.2.1:5060")
			b.route = func(r *engine.Request) error {
				a, err := b.agent.Accept(r, dialog.AcceptOptions{FlowLost: 10 * time.Second})
				if err != nil {
					return err
				}
				caller = a
				return b.agent.Dial(nil, a, []*engine.Target{{URI: bobURI}}, dialog.DialOptions{}, func(far *dialog.Leg, res *engine.Response) {
					if far == nil {
						_ = a.Pass(res)
						return
					}
					over := func(*dialog.Leg, string) { a.HangUp(""); far.HangUp("") }
					if err := b.agent.Bridge(a, far, dialog.BridgeOptions{}, over); err != nil {
						t.Error(err)
					}
				})
			}
			o := p.Invite("sip:bob@example.com", phone.Spec{Media: own})
			in := b.got(bob, "INVITE", 1)
			b.reply(in, 180, phone.Reply{})
			if c.answered {
				b.reply(in, 200, phone.Reply{Media: own})
				b.answered(o, 200)
			}
			b.w.Run(time.Second)
			p.Leave(false)
			for range c.moves {
				b.w.Run(2 * time.Second)
				if err := b.bring(caller, b.elsewhere(caller)); err != nil {
					t.Error(err)
				}
			}
			b.w.Run(time.Duration(8-2*c.moves) * time.Second)
			if n := count(bob, "BYE") + count(bob, "CANCEL"); n != 0 {
				t.Fatal("the call ended at once")
			}
			if c.back {
				if err := p.Return(); err != nil {
					t.Fatal(err)
				}
				info := o.Dialog().Send(phone.Spec{Method: "OPTIONS"})
				b.answered(info, 200)
				b.w.Run(time.Minute)
				bye := in.Dialog().Send(phone.Spec{Method: "BYE"})
				b.answered(bye, 200)
				b.reply(b.got(p, "BYE", 1), 200, phone.Reply{}) // on the new connection
				b.over()
				return
			}
			b.w.Run(3 * time.Second)
			if count(bob, c.want) != 1 {
				t.Fatalf("11 s later bob got no %s", c.want)
			}
			r := b.got(bob, c.want, 1)
			if c.want == "BYE" {
				b.reply(r, 200, phone.Reply{})
			} else {
				b.w.Run(time.Second)
				b.reply(in, 487, phone.Reply{})
			}
			b.empty(200 * time.Second)
			for l, why := range b.ends {
				if l.To() == "sip:bob@example.com" && (len(why) != 1 || why[0] != dialog.WhyLost) {
					t.Errorf("alice's leg ended %v", why)
				}
			}
		})
	}
}

func count(p *phone.Phone, method string) (n int) {
	for _, i := range p.Inbox() {
		if i.Method() == method {
			n++
		}
	}
	return n
}
