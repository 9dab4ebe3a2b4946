package dialog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A 2xx may come after a refusal, over each transport: it gets an ACK, and its dialog a BYE
// (§13.2.2.4); again, another ACK.
func TestAcceptedAfterRefusal(t *testing.T) {
	for _, c := range []struct {
		name, uri string
		tcp       bool
	}{{"UDP", bobURI, false}, {"TCP", bobURI + ";transport=tcp", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 71)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
			bob.tcp = c.tcp
			bob.on = func(m string) {
				if strings.HasPrefix(m, "BYE") {
					bob.reply(m, 200, "", "", "")
				}
			}
			b.joins(dialog.DialOptions{}, c.uri)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			b.w.Run(time.Second)
			_, invite := bob.count("INVITE")
			bob.reply(invite, 486, "b", "", "")
			b.answered(o, 486)
			b.w.Run(5 * time.Second)
			for range 2 {
				bob.reply(invite, 200, "b2", strings.ReplaceAll(rawContact, ">", strings.TrimPrefix(c.uri, bobURI)+">"), rawSDP)
				b.w.Run(time.Second)
			}
			acks := 0
			for _, m := range bob.got {
				if strings.HasPrefix(m, "ACK") && strings.Contains(hdr(m, "To"), "tag=b2") {
					acks++
				}
			}
			if acks != 2 {
				t.Errorf("%d ACKs of the 2xx", acks)
			}
			b.hangsUp(t, bob)
			b.over()
		})
	}
}

// So it is within a dialog: there the two agree once more.
func TestAcceptedAfterRefusalWithin(t *testing.T) {
	for _, c := range []struct {
		name, suffix string
		tcp          bool
	}{{"UDP", "", false}, {"TCP", ";transport=tcp", true}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 72)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
			bob.tcp = c.tcp
			contact := "Contact: <sip:raw@10.0.2.1:5060" + c.suffix + ">\r\n"
			var invites []string
			bob.on = func(m string) {
				switch {
				case strings.HasPrefix(m, "INVITE"):
					if invites = append(invites, m); len(invites) == 2 {
						bob.reply(m, 488, "b", "", "")
						return
					}
					bob.reply(m, 200, "b", contact, rawSDP)
				case strings.HasPrefix(m, "BYE"):
					bob.reply(m, 200, "", "", "")
				}
			}
			b.joins(dialog.DialOptions{}, bobURI+c.suffix)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			b.answered(o, 200)
			b.w.Run(time.Second)
			b.answered(o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own}), 488)
			b.w.Run(time.Second)
			bob.reply(invites[1], 200, "b", contact, rawSDP)
			b.w.Run(100 * time.Millisecond)
			if _, ack := bob.count("ACK"); hdr(ack, "CSeq") != strings.Replace(hdr(invites[1], "CSeq"), "INVITE", "ACK", 1) {
				t.Errorf("the 2xx has no ACK; the last is of %s", hdr(ack, "CSeq"))
			}
			b.reply(b.got(alice, "INVITE", 1), 200, phone.Reply{Media: own})
			b.w.Run(5 * time.Second)
			if len(invites) != 3 {
				t.Errorf("bob got %d INVITEs: they did not agree", len(invites))
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.over()
		})
	}
}
