package engine_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What the parties of a dialog, and those who share an address with one, try with tickets of theirs
// (trap 38).

// An answer says where its sender is, and nobody else.
func TestTrap38AnswerMovesItsSenderAlone(t *testing.T) {
	for _, c := range []struct{ name, tag, want string }{
		{"under the other's tag", "a1", "481"},
		{"under its own", "tag-10.0.0.3-5060", "481"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
			p.caller.send("UPDATE")
			update := p.bob.expect("UPDATE")
			text := string(message.AppendResponse(nil, update.msg, 200, "", "", []byte("Contact: <sip:+900123@10.0.0.9:5060>\r\n"), nil))
			p.bob.Answer(update.p, []byte(strings.Replace(text, "tag=tag-10.0.0.3-5060", "tag="+c.tag, 1)))
			p.alice.expect("200")
			p.callee.uri = "sip:+900123@10.0.0.9:5060"
			if got := p.outcome(p.bob, p.callee.request("INVITE")); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Where the other party shares an address with this server, a maddr that says so, and is taken off
// (§16.4), leads nowhere else.
func TestTrap38MaddrOfOurs(t *testing.T) {
	for _, uri := range []string{
		"sip:+900123@10.0.0.9;maddr=10.0.0.1", "sip:+900123@10.0.0.9;maddr=10.0.0.1;transport=udp", "sip:+900123@10.0.0.9:5060;maddr=10.0.0.1",
		"sip:+900123@10.0.0.1:5070;maddr=10.0.0.9",
	} {
		b := ticketBench(t, within(to("sip:bob@10.0.0.1:5070")), nil)
		alice, bob, trunk := b.phone("10.0.0.2:5060"), b.phone("10.0.0.1:5070"), b.phone("10.0.0.9:5060")
		alice.call("c1", "sip:bob@example.com").send("INVITE")
		bob.reply(bob.expect("INVITE"), 180, "Contact: <sip:bob@10.0.0.1:5070>\r\n")
		res := alice.expect("180")
		p := &pair{bench: b, alice: alice, bob: bob, carol: alice, trunk: trunk}
		c := &call{ph: alice, id: "c1", uri: uri, toTag: string(res.msg.ToTag()), maxForward: "70", branch: 1, cseq: 10, extra: callersRoutes(res.msg)}
		if got := p.outcome(alice, c.request("INVITE")); got != "481" {
			t.Errorf("%s: %q", uri, got)
		}
	}
}

// A peer without tags has dialogs without; an empty tag is none, so that such a request is not part
// of a dialog for scripts that let those pass.
func TestTrap38EmptyTags(t *testing.T) {
	var inDialog []bool
	b := ticketBench(t, func(r *engine.Request) error {
		inDialog = append(inDialog, r.InDialog())
		if r.InDialog() || len(inDialog) == 1 {
			return within(to("sip:bob@10.0.0.3:5060"))(r)
		}
		_, err := r.Reply(407, "", nil)
		return err
	}, nil)
	alice, bob, trunk := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.9:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	text := string(message.AppendResponse(nil, inv.msg, 180, "", "gone", []byte("Contact: <sip:+900123@10.0.0.9:5060>\r\n"), nil))
	bob.Send(proxyAddr, []byte(strings.Replace(text, ";tag=gone", "", 1)))
	res := alice.expect("180")
	c.uri, c.branch, c.extra = "sip:+900123@10.0.0.9:5060", 1, callersRoutes(res.msg)
	for _, tag := range []string{";tag=", ";tag", `;tag=""`} {
		c.branch++
		p := &pair{bench: b, alice: alice, bob: bob, carol: alice, trunk: trunk}
		got := p.outcome(alice, strings.Replace(c.request("INVITE"), "To: <"+c.uri+">", "To: <"+c.uri+">"+tag, 1))
		if got == "10.0.0.9" || got == "" {
			t.Errorf("with %s: %q", tag, got)
		}
	}
}

// What the other party has of the Record-Route is not shown to the one: not in a failure, nor in an
// answer to what begins no dialog, though many copy the header into each.
func TestTrap38TicketsOfTheOtherSideAreKept(t *testing.T) {
	for _, c := range []struct {
		method string
		code   int
	}{{"INVITE", 486}, {"INVITE", 302}, {"INVITE", 603}, {"MESSAGE", 200}, {"MESSAGE", 404}, {"SUBSCRIBE", 489}, {"OPTIONS", 200}} {
		t.Run(c.method, func(t *testing.T) {
			b := ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil)
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			alice.call("c1", "sip:bob@example.com").send(c.method)
			req := bob.expect(c.method)
			rr := elements(req.msg, message.HeaderRecordRoute)
			bob.reply(req, c.code, "Record-Route: "+strings.Join(rr, ", ")+", <sip:other.example;lr>\r\n")
			res := alice.expect("")
			for res.msg.Status() == 100 {
				res = alice.expect("")
			}
			for _, e := range elements(res.msg, message.HeaderRecordRoute) {
				for _, own := range rr {
					if strings.Contains(e, own[strings.Index(own, ";s=")+3:][:10]) {
						t.Errorf("%s %d shows %s", c.method, c.code, e)
					}
				}
			}
		})
	}
}

// The callee's ticket knows no tag of its holder, who may take the caller's: that moves nobody.
func TestTrap38CalleeUnderTheCallersTag(t *testing.T) {
	const evil = "sip:+900123@10.0.0.9:5060"
	for _, tag := range []string{"a1", "A1"} {
		p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
		p.outcome(p.bob, rewritten(p.callee, "UPDATE", "tag=tag-10.0.0.3-5060", "tag="+tag, "tag=a1", "tag="+tag, "<sip:alice@10.0.0.3:5060>", "<"+evil+">"))
		p.callee.branch++
		p.callee.uri = evil
		if got := p.outcome(p.bob, rewritten(p.callee, "INVITE", "tag=a1", "tag="+tag)); got != "481" {
			t.Errorf("in a request, %s: %q", tag, got)
		}

		b := ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil)
		p = &pair{bench: b, alice: b.phone("10.0.0.2:5060"), bob: b.phone("10.0.0.3:5060"), carol: b.phone("10.0.0.4:5060"), trunk: b.phone("10.0.0.9:5060")}
		p.alice.call("c1", "sip:bob@example.com").send("INVITE")
		inv := p.bob.expect("INVITE")
		for _, code := range []int{180, 200} {
			p.bob.Answer(inv.p, message.AppendResponse(nil, inv.msg, code, "", tag, []byte("Contact: <"+map[int]string{180: "sip:bob@10.0.0.3", 200: evil}[code]+">\r\n"), nil))
		}
		p.alice.expect("200")
		d := &call{ph: p.bob, id: "c1", uri: evil, toTag: tag, maxForward: "70", branch: 20, cseq: 20, from: "<sip:bob@example.com>;tag=b",
			extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
		if got := p.outcome(p.bob, d.request("INVITE")); got != "481" {
			t.Errorf("in an answer, %s: %q", tag, got)
		}
	}
}
