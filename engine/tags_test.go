package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// capable is a router that serves extensions.
type capable struct {
	routerFunc
	tags []string
}

func (c capable) Supported(*lane.Lane) []string { return c.tags }

func TestProxyRequire(t *testing.T) {
	for _, row := range []struct {
		name, header string
		want         string // the answer's code
		unsupported  string
	}{
		{"what is served", "Proxy-Require: foo\r\n", "204", ""},
		{"in another case", "Proxy-Require: FOO, Bar.1\r\n", "204", ""},
		{"nothing", "Proxy-Require:\r\n", "204", ""},
		{"nothing, more than once", "Proxy-Require: ,\r\nProxy-Require: , foo,\r\n", "204", ""},
		{"what is not", "Proxy-Require: foo, Baz, qux\r\n", "420", "Baz, qux"},
		{"no tag", "Proxy-Require: f@o\r\n", "400", ""},
		{"Require is the callee's", "Require: baz\r\n", "204", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBenchWith(t, 1, nil, func(c *engine.Config, _ *sim.World) {
				c.Router = capable{func(r *engine.Request) error { _, err := r.Reply(204, "", nil); return err }, []string{"foo", "bar.1"}}
			})
			c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
			c.extra = row.header
			c.send("OPTIONS")
			res := c.ph.expect(row.want)
			if got := strings.Join(elements(res.msg, message.HeaderUnsupported), ", "); got != row.unsupported {
				t.Errorf("Unsupported: %q", got)
			}
			b.quiet()
		})
	}
}

// An OPTIONS ends where its Max-Forwards does, with a 200 (§11): so do the probes of carriers.
func TestOptionsWithMaxForwardsZero(t *testing.T) {
	b := newBenchWith(t, 1, nil, func(c *engine.Config, _ *sim.World) {
		c.Router = capable{func(*engine.Request) error { t.Error("routed"); return nil }, []string{"foo", "bar"}}
	})
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@elsewhere.example")
	c.maxForward = "0"
	c.send("OPTIONS")
	res := c.ph.expect("200").msg
	if got := elements(res, message.HeaderSupported); !slices.Equal(got, []string{"foo", "bar"}) {
		t.Errorf("Supported: %q", got)
	}
	if res.Find(message.HeaderAccept, 0) < 0 || res.Find(message.HeaderAllow, 0) >= 0 || res.ToTag() == nil {
		t.Errorf("%s", res.AppendTo(nil))
	}
	c.branch = 1
	c.send("MESSAGE")
	c.ph.expect("483")
	b.quiet()
}
