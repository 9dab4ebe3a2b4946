package spec

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// This file is t.nat: routers that phones are behind.

// natOptions are those of t.nat.
type natOptions struct {
	Kind          string        `lua:"kind" oneof:"full_cone restricted port_restricted symmetric" doc:"who gets in by the port that a phone has outside; default port_restricted"`
	Public        string        `lua:"public" doc:"its address; default: one of its own, 203.0.113.1"`
	Timeout       time.Duration `lua:"timeout" doc:"how many seconds a UDP port is kept after the last datagram that went out; default 120"`
	StreamTimeout time.Duration `lua:"stream_timeout" doc:"the same for connections, in either direction; default 7440"`
	Hairpin       bool          `lua:"hairpin" doc:"phones behind it reach each other by the public address"`
	ALG           string        `lua:"alg" oneof:"headers body" doc:"what it rewrites in SIP messages that are not encrypted: \"headers\" Via and Contact, \"body\" also SDP, without correcting Content-Length"`
}

// nat is a NAT of a spec.
type nat struct {
	n    *sim.NAT
	last netip.Addr // that a phone got
}

// next is the address of the next phone behind it.
func (n *nat) next() netip.AddrPort {
	n.last = n.last.Next()
	return netip.AddrPortFrom(n.last, 5060)
}

// natType is never changed.
var natType = &luabind.ObjectType{
	Name: "nat", Doc: "A NAT of the test.",
	Fields: []luabind.Field{
		luabind.FieldOf("public", luabind.ReturnsText("its address outside"), func(_ *luabind.Call, n *nat) string { return n.n.Public().String() }),
	},
	Methods: []luabind.Function{
		luabind.Do2(luabind.Function{Name: "rebind", Where: luabind.InHandler,
			Doc: "Has it start again: it forgets all ports, and lets nothing pass on old connections, of which the server is not told. A phone opens a new one when it sends.",
			Example: "local home = t.nat({ kind = \"symmetric\" })\nlocal carol = t.ua(\"sip:carol@example.com\", { nat = home })\ncarol:register()\n" +
				"home:rebind({ public = \"203.0.113.99\" })"},
			luabind.Self[*nat](), luabind.OptionsArg(rebindOptions{}), func(c *luabind.Call, n *nat, o rebindOptions) { n.n.RebindAt(publicAddr(c, o.Public)) }),
	},
}

// rebindOptions are those of nat:rebind.
type rebindOptions struct {
	Public string `lua:"public" doc:"its address from now on; default: the same"`
}

// ObjectType makes it an object of scripts.
func (*nat) ObjectType() *luabind.ObjectType { return natType }

func (w *world) natFunction() luabind.Function {
	return luabind.Func1(luabind.Function{Name: "nat", Where: luabind.InHandler,
		Doc:     "A NAT, as home routers have it, for phones: t.ua(uri, { nat = home }). Phones behind it get addresses in 192.168.N.",
		Example: "local home = t.nat({ kind = \"port_restricted\", timeout = 30 })\nt.ua(\"sip:carol@example.com\", { nat = home }):register()"},
		luabind.OptionsArg(natOptions{Kind: "port_restricted", Timeout: 2 * time.Minute, StreamTimeout: 124 * time.Minute}),
		luabind.ReturnsObject[*nat](natType, ""), w.newNAT)
}

// newNAT is t.nat{…}.
func (w *world) newNAT(c *luabind.Call, o natOptions) *nat {
	w.nats++
	if w.nats > 200 {
		c.Raise("there are 200 NATs already")
	}
	public := publicAddr(c, o.Public)
	if !public.IsValid() {
		public = netip.AddrFrom4([4]byte{203, 0, 113, byte(w.nats)})
	}
	so := sim.NATOptions{Public: public, Timeout: o.Timeout, StreamTimeout: o.StreamTimeout, Hairpin: o.Hairpin}
	switch o.Kind {
	case "full_cone":
		so.Kind = sim.FullCone
	case "restricted":
		so.Kind = sim.Restricted
	case "symmetric":
		so.Kind = sim.Symmetric
	}
	switch o.ALG {
	case "headers":
		so.ALG = sim.HeaderALG
	case "body":
		so.ALG = sim.BodyALG
	}
	return &nat{w.sim.NATOf(so), netip.AddrFrom4([4]byte{192, 168, byte(w.nats), 1})}
}

// publicAddr is an address that an option names, or none.
func publicAddr(c *luabind.Call, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		c.Raise("%q is not an address", text)
	}
	return a
}

// behind is an address as it is behind its NAT, if that is known.
func behind(inner, outer netip.AddrPort) netip.AddrPort {
	if inner.IsValid() {
		return inner
	}
	return outer
}
