package transaction

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file says where responses go (§18.2.2, RFC 3581 §4).

// replyTo is where the responses to the request a go: back on the connection it came on, or from the very listener a
// datagram came to. a.Msg's topmost Via decides the address.
func replyTo(a *Arrival) transport.Peer {
	to := transport.Peer{Kind: a.Kind, Addr: a.Source, Local: a.Local, LocalIP: a.LocalIP, Flow: a.Flow}
	via, err := a.Msg.TopVia()
	if err != nil {
		return to
	}
	if a.Kind.Reliable() {
		// The connection first. When it is gone: the address the request came from, the port of sent-by.
		to.Addr = netip.AddrPortFrom(a.Source.Addr(), portOf(&via, a.Kind))
		// A browser can't be connected to (RFC 7118 §5).
		to.FlowOnly = a.Kind == transport.WS || a.Kind == transport.WSS
		if _, err := parseHost(via.Host); a.Kind == transport.TLS && err != nil {
			to.ServerName = string(via.Host)
		}
		return to
	}
	if maddr, ok := via.Params.Get("maddr"); ok {
		if addr, err := parseHost(maddr); err == nil {
			to.Addr = netip.AddrPortFrom(addr, portOf(&via, a.Kind))
			return to
		}
	}
	if _, asked := via.RPort(); asked {
		return to // RFC 3581 §4: where it came from, address and port
	}
	to.Addr = netip.AddrPortFrom(a.Source.Addr(), portOf(&via, a.Kind))
	return to
}

// RouteResponse is where a response with its topmost Via removed goes: by the Via that is now on top (§18.2.2 without the arrival of its request; stateless forwarding).
// It returns ErrUnreadable when that Via names no IP address: a name is not resolved here.
func RouteResponse(res *message.Message) (transport.Peer, error) {
	via, err := res.TopVia()
	if err != nil {
		return transport.Peer{}, ErrUnreadable
	}
	kind, ok := transport.ParseKind(via.Transport)
	if !ok {
		return transport.Peer{}, ErrUnreadable
	}
	host, port := via.Host, portOf(&via, kind)
	maddr, hasMaddr := via.Params.Get("maddr")
	received := via.Received()
	switch {
	case hasMaddr && !kind.Reliable():
		host = maddr
	case len(received) > 0:
		host = received
		if rport, _ := via.RPort(); rport != 0 && !kind.Reliable() {
			port = rport
		}
	}
	addr, err := parseHost(host)
	if err != nil {
		return transport.Peer{}, ErrUnreadable
	}
	return transport.Peer{Kind: kind, Addr: netip.AddrPortFrom(addr, port)}, nil
}

// portOf is the port of sent-by, or the default of the transport (§18.2.2).
func portOf(via *message.Via, kind transport.Kind) uint16 {
	if via.Port != 0 {
		return via.Port
	}
	return kind.DefaultPort()
}

// parseHost reads an IP address, in brackets or not.
func parseHost(host []byte) (netip.Addr, error) {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return netip.ParseAddr(string(host))
}
