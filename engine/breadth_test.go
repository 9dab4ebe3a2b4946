package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Max-Breadth (RFC 5393 §5): what may be pending at once for one request, over the whole tree of
// its forks.

func breadthOf(r *received) string { return string(r.msg.Header(message.HeaderMaxBreadth)) }

func TestMaxBreadthIsSplitAmongParallelBranches(t *testing.T) {
	for in, want := range map[string][2]string{"": {"30", "30"}, "Max-Breadth: 7\r\n": {"4", "3"}, "max-breadth: 2\r\n": {"1", "1"}} {
		t.Run(in, func(t *testing.T) {
			b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
			c.extra = in
			c.send("INVITE")
			ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
			if got := [2]string{breadthOf(ib), breadthOf(ic)}; got != want || len(elements(ib.msg, message.HeaderMaxBreadth)) != 1 {
				t.Errorf("%q: branches got %q, want %q", in, got, want)
			}
			bob.reply(ib, 486, "")
			carol.reply(ic, 486, "")
			c.ack(c.ph.expect("486"))
			b.quiet()
		})
	}
}

// A branch that has its final response gives its share back.
func TestMaxBreadthIsWholeForEachSerialBranch(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{Order: engine.Serial}))
	c.extra = "Max-Breadth: 1\r\n"
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 486, "")
	ic := carol.expect("INVITE")
	if breadthOf(ib) != "1" || breadthOf(ic) != "1" {
		t.Errorf("branches got %s, %s", breadthOf(ib), breadthOf(ic))
	}
	carol.reply(ic, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// What the breadth doesn't reach waits until a branch gives its share back (RFC 5393 §5.3.3).
func TestMaxBreadthQueues(t *testing.T) {
	three := to("sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060", "sip:d@10.0.0.5:5060")
	for breadth := 1; breadth <= 3; breadth++ {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			b, c, bob, carol := trio(t, relayTo(three, nil))
			dave := b.phone("10.0.0.5:5060")
			c.extra = fmt.Sprintf("Max-Breadth: %d\r\n", breadth)
			c.send(method)
			phones := []*handset{bob, carol, dave}
			for i, ph := range phones {
				r := ph.expect(method)
				b.w.Run(100 * time.Millisecond)
				if later := i + breadth; later < len(phones) && len(phones[later].got) > 0 {
					t.Errorf("%d: %d at once", breadth, breadth+1)
				}
				if got := breadthOf(r); got != "1" {
					t.Errorf("%d: branch %d got %q", breadth, i, got)
				}
				ph.reply(r, 486, "")
			}
			if r := c.ph.expect("486"); method == "INVITE" {
				c.ack(r)
			}
			b.quiet()
		}
	}
}

// Who waits for a share ends with the request, and when a branch is silent he has his turn after
// it.
func TestMaxBreadthQueueEnds(t *testing.T) {
	for _, row := range []struct {
		name  string
		end   func(c *call, bob *handset, ib *received)
		carol bool
	}{
		{"600", func(c *call, bob *handset, ib *received) { bob.reply(ib, 600, ""); c.ack(c.ph.expect("600")) }, false},
		{"200", func(c *call, bob *handset, ib *received) { bob.reply(ib, 200, ""); c.ph.expect("200") }, false},
		{"the caller's CANCEL", func(c *call, bob *handset, ib *received) {
			bob.reply(ib, 180, "")
			c.ph.expect("180")
			c.send("CANCEL")
			bob.reply(bob.expect("CANCEL"), 200, "")
			bob.reply(ib, 487, "")
			c.ack(c.ph.expect("487"))
		}, false},
		{"silence", func(*call, *handset, *received) {}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
			c.extra = "Max-Breadth: 1\r\n"
			c.send("INVITE")
			ib := bob.expect("INVITE")
			b.w.Run(100 * time.Millisecond)
			if len(carol.got) != 0 {
				t.Error("both at once")
			}
			row.end(c, bob, ib)
			if row.carol {
				carol.reply(carol.expect("INVITE"), 404, "")
				c.ack(c.ph.expect("404"))
				carol.expect("ACK")
			}
			if b.quiet(); len(carol.got) != 0 {
				t.Errorf("carol got %v", carol.lines())
			}
		})
	}
}

// With a breadth of 0, and where a 2xx came first, what the breadth doesn't reach is not tried.
func TestMaxBreadthExceeded(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
	c.extra = "Max-Breadth: 1\r\n"
	c.send("INVITE")
	ib := bob.expect("INVITE")
	b.w.Run(time.Second)
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3>\r\n")
	c.ph.expect("200")
	b.quiet()
	if len(carol.got) != 0 {
		t.Errorf("carol got %v", carol.lines())
	}

	b, c, bob, carol = trio(t, relayTo(bobAndCarol, nil))
	c.extra = "Max-Breadth: 0\r\n"
	for i, method := range []string{"INVITE", "MESSAGE"} {
		c.branch = i
		c.send(method)
		r := c.ph.expect("440")
		if method == "INVITE" {
			c.ack(r)
		}
	}
	b.quiet()
	if len(bob.got)+len(carol.got) != 0 {
		t.Error("something was sent")
	}
}

// Two forks at a time share what a request brings; where it brings no bound each has the default.
func TestMaxBreadthOfTwoForks(t *testing.T) {
	for in, want := range map[string]string{"": "60", "Max-Breadth: 7\r\n": ""} {
		t.Run(in, func(t *testing.T) {
			var r *engine.Request
			o := &engine.ForkOptions{OnResponse: func(res *engine.Response) {
				if res.Code() == 180 {
					if _, err := r.Fork(to("sip:c@10.0.0.4:5060"), nil); err != nil {
						t.Error(err)
					}
				}
			}}
			b, c, bob, carol := trio(t, func(req *engine.Request) error {
				r = req
				_, err := r.Fork(to("sip:b@10.0.0.3:5060"), o)
				return err
			})
			c.extra = in
			c.send("INVITE")
			ib := bob.expect("INVITE")
			bob.reply(ib, 180, "")
			if want == "" {
				b.w.Run(time.Second)
				if len(carol.got) != 0 {
					t.Errorf("carol got %v", carol.lines())
				}
			} else {
				ic := carol.expect("INVITE")
				if got := breadthOf(ic); got != want {
					t.Errorf("the second fork got %q, want %q", got, want)
				}
				carol.reply(ic, 486, "")
			}
			bob.reply(ib, 486, "")
			if want == "" { // the second fork's turn, now that the share came back
				ic := carol.expect("INVITE")
				if got := breadthOf(ic); got != "7" {
					t.Errorf("the second fork got %q", got)
				}
				carol.reply(ic, 486, "")
			}
			c.ack(c.ph.expect("4"))
			b.quiet()
		})
	}
}

// ACK and CANCEL are outside of it.
func TestMaxBreadthOfAckIsLeftAlone(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.toTag = "x"
	c.send("ACK")
	if got := bob.expect("ACK"); breadthOf(got) != "" {
		t.Errorf("an ACK with Max-Breadth %s", breadthOf(got))
	}
	c.extra, c.branch = "Max-Breadth: 0\r\n", 1
	c.send("ACK")
	if got := bob.expect("ACK"); breadthOf(got) != "0" {
		t.Errorf("an ACK with Max-Breadth %s", breadthOf(got))
	}
	b.quiet()
}

// Of a fork that follows redirects, and of a fork beside another one.
func TestMaxBreadthCountsWhatIsPending(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{FollowRedirects: true}))
	dave := b.phone("10.0.0.5:5060")
	c.extra = "Max-Breadth: 5\r\n"
	c.send("INVITE")
	ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
	bob.reply(ib, 302, "Contact: <sip:d@10.0.0.5:5060>\r\n")
	id := dave.expect("INVITE")
	if got := []string{breadthOf(ib), breadthOf(ic), breadthOf(id)}; !slices.Equal(got, []string{"3", "2", "3"}) {
		t.Errorf("branches got %q", got)
	}
	dave.reply(id, 486, "")
	carol.reply(ic, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}
