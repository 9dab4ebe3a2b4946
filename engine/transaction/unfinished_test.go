package transaction

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Whoever stops a server waits for what somebody may still need, and no longer: a lost answer is
// asked for within T2, so T1+T2 after it nobody misses it, though Timers D, J, L and M run for 32
// s.
func TestUnfinished(t *testing.T) {
	const enough = 4500 * time.Millisecond
	answer := func(code int) func(*rig, req) {
		return func(r *rig, q req) { r.reply(r.arrive(q), code) }
	}
	answered := func(code int) func(*rig, req) {
		return func(r *rig, q req) {
			r.send(q, transport.UDP, &ownerLog{})
			r.receive(respond(r.take()[0].text, code, "b1"))
		}
	}
	invite, message := req{method: "INVITE"}, req{method: "MESSAGE"}
	for _, row := range []struct {
		name  string
		q     req
		begin func(*rig, req)
		until time.Duration // how long it is needed
	}{
		{"a request that has no answer yet", message, func(r *rig, q req) { r.arrive(q) }, time.Minute},
		{"a request that was answered", message, answer(200), enough},
		{"an INVITE that was accepted", invite, answer(200), enough},
		{"an INVITE that was refused, without its ACK", invite, answer(486), 32 * time.Second},
		{"an INVITE that was refused, with its ACK", invite, func(r *rig, q req) {
			answer(486)(r, q)
			r.receive(ackOf(q, r.take()[0].text).String())
		}, 0},
		{"a request we sent that has no answer yet", message, func(r *rig, q req) { r.send(q, transport.UDP, &ownerLog{}) }, 32 * time.Second},
		{"a request we sent that was answered", message, answered(200), enough},
		{"an INVITE we sent that was accepted", invite, answered(200), enough},
		{"an INVITE we sent that was refused", invite, answered(486), enough},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, Options{})
			row.begin(r, row.q)
			needed := func() (is bool) {
				r.do(func() { is = r.layer.Unfinished() })
				return is
			}
			if row.until > 0 {
				r.advance(row.until - 50*time.Millisecond)
				if !needed() {
					t.Errorf("not needed after %s", row.until-50*time.Millisecond)
				}
				r.advance(100 * time.Millisecond)
			}
			if want := row.until == time.Minute; needed() != want {
				t.Errorf("needed after %s: %t", row.until, !want)
			}
		})
	}
}
