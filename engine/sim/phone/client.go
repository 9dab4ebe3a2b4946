package phone

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file is about where a phone is: the addresses it has and gives to others, and its
// connections.

// browser reports whether everything goes over the phone's WebSocket, whatever Route says (RFC 7118
// §5).
func (p *Phone) browser() bool { return p.o.Kind == transport.WS || p.o.Kind == transport.WSS }

// connects reports whether others reach the phone on the connection it opened, or not at all.
func (p *Phone) connects() bool {
	return p.browser() || p.o.Kind == transport.TLS && !p.o.Listens
}

// identify gives the phone the names that it has beside its address.
func (p *Phone) identify() {
	if p.browser() {
		if p.o.Upgrade == nil {
			p.o.Upgrade, _ = transport.NewUpgrade("/", nil)
		}
		p.host = p.tag() + ".invalid" // RFC 7118 §5: it can't know its address
	}
	if p.o.Outbound && p.o.Instance == "" {
		a, b := p.w.Random(), p.w.Random()
		p.o.Instance = fmt.Sprintf("urn:uuid:%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
	}
}

// endpoint is its place in the network.
func (p *Phone) endpoint() sim.Endpoint {
	at := func(k transport.Kind) []string { return []string{k.String() + ":" + p.o.Addr.String()} }
	switch {
	case p.connects():
		return sim.Endpoint{Connect: at(p.o.Kind), SentBy: p.host, Upgrade: p.o.Upgrade}
	case p.o.Kind == transport.TLS:
		return sim.Endpoint{Listen: at(transport.TLS)}
	}
	return sim.Endpoint{Listen: append(at(transport.UDP), at(transport.TCP)...)}
}

// Contact is the URI at which others reach the phone itself. One that can't be connected to gives
// the address of its connection.
func (p *Phone) Contact() string {
	contact, kind := p.host, p.o.Kind
	switch {
	case p.browser():
		kind = transport.WS // also over TLS, as browsers' phones write it
	case p.connects():
		own, ok := p.wire.(*sim.Wire).Connect(kind, p.o.Proxy)
		if !ok {
			own = p.o.Addr
		}
		contact = own.String()
	default:
		contact = p.o.Addr.String()
	}
	if len(p.uri.User) > 0 {
		contact = string(p.uri.User) + "@" + contact
	}
	contact = "sip:" + contact
	if kind != transport.UDP {
		contact += ";transport=" + kind.String()
	}
	return contact
}

// dialogContact is the Contact of what makes or refreshes a dialog (RFC 5626 §4.3).
func (p *Phone) dialogContact() string {
	if p.o.Outbound {
		return p.Contact() + ";ob"
	}
	return p.Contact()
}

// binding is the Contact of a REGISTER.
func (p *Phone) binding() string {
	contact := "<" + p.Contact() + ">"
	if p.o.Instance != "" {
		contact += `;+sip.instance="<` + p.o.Instance + `>"`
	}
	if p.o.Outbound {
		contact += ";reg-id=1"
	}
	return contact
}

// keepAlive begins to send keep-alives, if the phone does.
func (p *Phone) keepAlive() {
	if d := p.o.KeepAlive; d > 0 {
		p.do(func() { p.lane.After(d, &p.pings, (*pinger)(p)) })
	}
}

// pinger is a Phone as its timer of keep-alives sees it.
type pinger Phone

// Expire sends one. While the phone is off the network it is lost.
func (p *pinger) Expire(*lane.Timer) {
	_ = p.wire.Send(&transport.Peer{Kind: p.o.Kind, Addr: p.o.Proxy}, []byte("\r\n\r\n"), nil)
	p.lane.After(p.o.KeepAlive, &p.pings, p)
}

// Leave takes the phone off the network, as if it were unplugged: what it sends and what is sent to
// it is lost, and its connections break. If it vanishes, the other ends of its connections aren't
// told.
func (p *Phone) Leave(vanish bool) {
	if vanish {
		p.wire.(*sim.Wire).Vanish()
		return
	}
	p.wire.(*sim.Wire).Remove()
}

// Return brings back a phone that left, at its address and with new connections.
func (p *Phone) Return() error {
	wire := p.wire.(*sim.Wire)
	if err := wire.Return(); err != nil {
		return err
	}
	if p.o.Kind == transport.UDP {
		return nil
	}
	if _, ok := wire.Connect(p.o.Kind, p.o.Proxy); !ok {
		return fmt.Errorf("%s: %s refuses the connection", p.o.Name, p.o.Proxy)
	}
	return nil
}
