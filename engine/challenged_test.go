package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	peer "github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// A target with credentials answers the challenge of its server. The credentials are checked with
// another implementation.

var trunkCredentials = &engine.Credentials{User: "trunk", Password: "s3cret"}

// toTrunk relays what begins a dialog to 10.0.0.3 with credentials, and the rest along our route.
func toTrunk(r *engine.Request) error {
	o := &engine.ForkOptions{}
	if r.InDialog() {
		o.Defaults.Credentials = trunkCredentials
		_, err := r.Relay(nil, o)
		return err
	}
	_, err := r.Relay([]*engine.Target{{URI: "sip:bob@10.0.0.3:5060", Credentials: trunkCredentials}}, o)
	return err
}

const challengeMD5 = "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"%s\", algorithm=MD5, qop=\"auth\"\r\n"

// proven reports whether a request has the right credentials for a nonce.
func proven(t *testing.T, m *message.Message, header, nonce, password string) bool {
	t.Helper()
	value := string(m.HeaderName(header))
	if value == "" {
		return false
	}
	got, err := peer.ParseCredentials(value)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	c := &peer.Challenge{Realm: got.Realm, Nonce: nonce, Algorithm: got.Algorithm, QOP: []string{got.QOP}, Opaque: got.Opaque}
	want, err := peer.Digest(c, peer.Options{Method: string(m.MethodText()), URI: string(m.RequestURI()), Username: "trunk", Password: password, Cnonce: got.Cnonce, Count: got.Nc})
	if err != nil {
		t.Fatal(err)
	}
	return got.Response == want.Response && got.URI == string(m.RequestURI())
}

func number(m *message.Message) uint32 {
	c, _ := m.CSeq()
	return c.Number
}

func wantNumber(t *testing.T, who string, m *message.Message, want uint32) {
	t.Helper()
	if got := number(m); got != want {
		t.Errorf("%s: CSeq %d, want %d:\n%s", who, got, want, m.AppendTo(nil))
	}
}

// established is a call through a trunk that challenged its INVITE.
func (b *bench) established(alice, bob *handset) (c *call, fromBob string) {
	c = alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	first := bob.expect("INVITE")
	wantNumber(b.t, "first", first.msg, 1)
	if first.msg.Header(message.HeaderAuthorization) != nil {
		b.t.Error("credentials before a challenge")
	}
	bob.reply(first, 401, fmt.Sprintf(challengeMD5, "n1"))
	bob.expect("ACK")
	second := bob.expect("INVITE")
	wantNumber(b.t, "second", second.msg, 2)
	if !proven(b.t, second.msg, "Authorization", "n1", "s3cret") {
		b.t.Errorf("wrong credentials:\n%s", second.p.Bytes)
	}
	rr := string(second.msg.Header(message.HeaderRecordRoute))
	if !strings.Contains(rr, ";ds=") {
		b.t.Fatalf("no way back through us: %q", rr)
	}
	bob.reply(second, 180, "")
	wantNumber(b.t, "180", alice.expect("180").msg, 1)
	bob.reply(second, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	wantNumber(b.t, "200", ok.msg, 1)
	c.extra = callersRoutes(ok.msg)
	c.toTag = string(ok.msg.ToTag())
	c.branch, c.uri = 1, "sip:bob@10.0.0.3:5060"
	c.send("ACK")
	wantNumber(b.t, "ACK", bob.expect("ACK").msg, 2)
	return c, fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bK-b1\r\nMax-Forwards: 70\r\nRoute: %s\r\nTo: <sip:alice@example.com>;tag=a1\r\nFrom: <sip:bob@example.com>;tag=%s\r\nCall-ID: c1\r\n", rr, c.toTag)
}

// The dialog goes on with numbers that fit on either side: ACK, re-INVITE and its ACK, PRACK, BYE;
// the callee's own are his.
func TestChallengedCall(t *testing.T) {
	b := newBench(t, 1, toTrunk)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c, fromBob := b.established(alice, bob)
	c.branch, c.cseq = 2, 1
	c.send("INVITE")
	again := bob.expect("INVITE")
	wantNumber(t, "re-INVITE", again.msg, 3)
	bob.reply(again, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	wantNumber(t, "its 200", alice.expect("200").msg, 2)
	c.branch = 3
	c.send("ACK")
	wantNumber(t, "its ACK", bob.expect("ACK").msg, 3)
	c.branch, c.cseq = 4, 2
	route := c.extra
	c.extra += "RAck: 7 2 INVITE\r\n"
	c.send("PRACK")
	prack := bob.expect("PRACK")
	if got := string(prack.msg.HeaderName("RAck")); got != "7 3 INVITE" {
		t.Errorf("RAck %q", got)
	}
	c.extra = route
	bob.reply(prack, 200, "")
	alice.expect("200")
	bob.Send(proxyAddr, []byte("BYE sip:alice@10.0.0.2:5060 SIP/2.0\r\n"+fromBob+"CSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n"))
	bye := alice.expect("BYE")
	wantNumber(t, "BYE of the callee", bye.msg, 9)
	alice.reply(bye, 200, "")
	wantNumber(t, "its 200", bob.expect("200").msg, 9)
	b.quiet()
}

// A refresh that is challenged again raises the numbers of what follows, its ACK too.
func TestChallengedAgainInDialog(t *testing.T) {
	b := newBench(t, 1, toTrunk)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c, _ := b.established(alice, bob)
	c.branch, c.cseq = 2, 1
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 401, fmt.Sprintf(challengeMD5, "n2"))
	again := bob.expect("INVITE")
	wantNumber(t, "re-INVITE", again.msg, 4)
	if !proven(t, again.msg, "Authorization", "n2", "s3cret") {
		t.Error("wrong credentials")
	}
	bob.reply(again, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	wantNumber(t, "its 200", alice.expect("200").msg, 2)
	bob.expect("ACK") // of the 401
	c.branch = 3
	c.send("ACK")
	wantNumber(t, "its ACK", bob.expect("ACK").msg, 4)
	c.branch, c.cseq = 4, 2
	c.send("BYE")
	bye := bob.expect("BYE")
	wantNumber(t, "BYE", bye.msg, 5)
	bob.reply(bye, 200, "")
	wantNumber(t, "its 200", alice.expect("200").msg, 3)
	b.quiet()
}

// Who asked for nothing when the call began asks in its midst: a session refresh, and the BYE. The
// callee's own requests, and those of a call that had no account, are answered by nobody here.
func TestChallengedFirstInDialog(t *testing.T) {
	for _, account := range []bool{true, false} {
		t.Run(fmt.Sprint("account ", account), func(t *testing.T) {
			b := newBench(t, 1, func(r *engine.Request) error {
				if err := r.RecordRoute(); err != nil {
					return err
				}
				if !account && !r.InDialog() {
					_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
					return err
				}
				return toTrunk(r)
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			inv := bob.expect("INVITE")
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			ok := alice.expect("200")
			c.extra, c.toTag = callersRoutes(ok.msg), string(ok.msg.ToTag())
			c.branch, c.uri = 1, "sip:bob@10.0.0.3:5060"
			c.send("ACK")
			bob.expect("ACK")
			c.branch, c.cseq = 2, 1
			c.send("INVITE")
			bob.reply(bob.expect("INVITE"), 401, fmt.Sprintf(challengeMD5, "n1"))
			bob.expect("ACK")
			if !account {
				c.ack(alice.expect("401"))
				b.quiet()
				return
			}
			again := bob.expect("INVITE")
			wantNumber(t, "re-INVITE", again.msg, 3)
			if !proven(t, again.msg, "Authorization", "n1", "s3cret") {
				t.Error("wrong credentials")
			}
			bob.reply(again, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			wantNumber(t, "its 200", alice.expect("200").msg, 2)
			c.branch = 3
			c.send("ACK")
			wantNumber(t, "its ACK", bob.expect("ACK").msg, 3)
			c.branch, c.cseq = 4, 2
			c.send("BYE")
			bob.reply(bob.expect("BYE"), 407, fmt.Sprintf(strings.Replace(challengeMD5, "WWW", "Proxy", 1), "n2"))
			bye := bob.expect("BYE")
			if !proven(t, bye.msg, "Proxy-Authorization", "n2", "s3cret") {
				t.Error("wrong credentials in the BYE")
			}
			bob.reply(bye, 200, "")
			wantNumber(t, "its 200", alice.expect("200").msg, 3)
			b.quiet()
		})
	}
}

// A challenge that comes when the branch was given up, and the request is over, is nobody's.
func TestChallengeWhenAllIsOver(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if !r.InDialog() || r.Method() != message.MethodInvite {
			return toTrunk(r)
		}
		o := &engine.ForkOptions{Defaults: engine.Target{Credentials: trunkCredentials, Timeout: time.Second}}
		if _, err := r.Fork(nil, o); err != nil {
			return err
		}
		_, err := r.Reply(504, "", nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c, _ := b.established(alice, bob)
	c.branch, c.cseq = 2, 1
	c.send("INVITE")
	again := bob.expect("INVITE")
	bob.reply(again, 180, "")
	c.ack(alice.expect("504"))
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(again, 401, fmt.Sprintf(challengeMD5, "n2"))
	bob.expect("ACK")
	b.quiet()
	if n := b.eng.Lanes()[0].Stats().Panics.Load(); n != 0 {
		t.Errorf("%d panics", n)
	}
}

// Credentials of the trunk don't answer what the caller's phone asks of a request from the trunk,
// and go along with no request.
func TestCredentialsAreForOneSide(t *testing.T) {
	b := newBench(t, 1, toTrunk)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	_, fromBob := b.established(alice, bob)
	bob.Send(proxyAddr, []byte("BYE sip:alice@10.0.0.2:5060 SIP/2.0\r\n"+fromBob+"CSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n"))
	alice.reply(alice.expect("BYE"), 401, fmt.Sprintf(challengeMD5, "x"))
	bob.expect("401")
	b.quiet()
}

// Who refuses the password is not asked for ever; who says that only the nonce was old is, within
// limits.
func TestChallengesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		again string // what is added to every later challenge
		sent  int
	}{"refused": {"", 2}, "stale": {", stale=true", 5}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 1, toTrunk)
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			sent := 0
			bob.on = func(m *message.Message, p sim.Packet) {
				if m.Method() != message.MethodInvite {
					return
				}
				sent++
				ch := fmt.Sprintf("Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n%d\"%s\r\n", sent, c.again)
				bob.reply(&received{msg: m, p: p}, 407, ch)
			}
			call := alice.call("c1", "sip:bob@example.com")
			call.send("INVITE")
			res := alice.expect("407")
			wantNumber(t, "the failure", res.msg, 1)
			call.ack(res)
			b.w.Run(time.Second)
			if sent != c.sent {
				t.Errorf("sent %d times, want %d", sent, c.sent)
			}
			b.quiet()
		})
	}
}

// A redirect leads to somebody we know nothing of: his challenge is the caller's to answer.
func TestCredentialsDontFollowRedirects(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		o := &engine.ForkOptions{FollowRedirects: true}
		o.Defaults.Credentials = trunkCredentials
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), o)
		return err
	})
	alice, bob, mallory := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 302, "Contact: <sip:m@10.0.0.4:5060>\r\n")
	mallory.reply(mallory.expect("INVITE"), 401, fmt.Sprintf(challengeMD5, "x"))
	c.ack(alice.expect("401"))
	b.w.Run(time.Second)
	if l := mallory.lines(); len(l) != 1 || !strings.HasPrefix(l[0], "ACK") {
		t.Errorf("the stranger got %v", l)
	}
	b.quiet()
}

// The caller hangs up while the challenge is on its way: nothing is sent again.
func TestChallengeCrossesCancel(t *testing.T) {
	b := newBench(t, 1, toTrunk)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 100, "")
	c.send("CANCEL")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(inv, 401, fmt.Sprintf(challengeMD5, "x"))
	bob.expect("ACK")
	b.w.Run(time.Second)
	if len(bob.got) != 0 {
		t.Errorf("sent again: %v", bob.lines())
	}
	b.quiet()
}

// A call that was challenged is cancelled like any other, by the CSeq of what was sent last; a 200
// that crosses reaches the caller with his own.
func TestCancelAfterChallenge(t *testing.T) {
	b := newBench(t, 1, toTrunk)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 401, fmt.Sprintf(challengeMD5, "n"))
	inv := bob.expect("INVITE")
	bob.reply(inv, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	cancel := bob.expect("CANCEL")
	wantNumber(t, "CANCEL", cancel.msg, 2)
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	bob.reply(cancel, 200, "")
	b.w.Run(5 * time.Second)
	// again, when nothing is left of the request but this
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	b.w.Run(time.Second)
	seen := 0
	for _, r := range alice.got {
		if cs, _ := r.msg.CSeq(); cs.Method == message.MethodInvite && r.msg.Status() == 200 {
			seen++
			wantNumber(t, "200", r.msg, 1)
		}
	}
	if seen != 2 {
		t.Errorf("%d 200s of 2", seen)
	}
	b.quiet()
}

// A request of our own answers, too.
func TestSendAnswersChallenges(t *testing.T) {
	code := 0
	b := newBench(t, 1, nil)
	bob := b.phone("10.0.0.3:5060")
	b.w.Do(func() {
		b.eng.Background().Run(lane.Func(func(l *lane.Lane) {
			res, err := b.eng.Send(l, &engine.SendSpec{Method: "OPTIONS", Target: &engine.Target{URI: "sip:x@10.0.0.3:5060", Credentials: trunkCredentials}})
			if err != nil {
				t.Error(err)
				return
			}
			code = res.Code()
		}), nil)
	})
	bob.reply(bob.expect("OPTIONS"), 401, fmt.Sprintf(challengeMD5, "n"))
	again := bob.expect("OPTIONS")
	wantNumber(t, "again", again.msg, 2)
	if !proven(t, again.msg, "Authorization", "n", "s3cret") {
		t.Error("wrong credentials")
	}
	bob.reply(again, 200, "")
	b.w.Run(time.Second)
	if code != 200 {
		t.Errorf("got %d", code)
	}
	b.quiet()
}

func TestCredentialsArePrintedWithoutPassword(t *testing.T) {
	for _, s := range []string{fmt.Sprint(trunkCredentials), fmt.Sprintf("%v %+v %#v", *trunkCredentials, *trunkCredentials, *trunkCredentials)} {
		if strings.Contains(s, "s3cret") {
			t.Error(s)
		}
	}
}
