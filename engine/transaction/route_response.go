package transaction

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file says where responses go (§18.2.2, RFC 3581 §4).

// ReplyTo is where responses go (§18.2.2); the zero value for an ACK, which has none.
func (s *Server) ReplyTo() transport.Peer {
	if s.method == message.MethodAck {
		return transport.Peer{}
	}
	f := &s.From
	to := transport.Peer{Kind: f.Kind, Addr: netip.AddrPortFrom(f.Source.Addr(), s.port), Local: f.Local, LocalIP: f.LocalIP, Flow: s.flow}
	to.FlowOnly = f.Kind == transport.WS || f.Kind == transport.WSS
	if s.rare != nil {
		if to.ServerName = s.rare.serverName; s.rare.maddr.IsValid() {
			to.Addr = netip.AddrPortFrom(s.rare.maddr, s.port)
		}
	}
	return to
}

// Origin is a Server without transaction that only says where the request came from, and where
// responses would go.
func (s *Server) Origin() *Server {
	return &Server{From: s.From, rare: s.rare, flow: s.flow, port: s.port}
}

// replyTo has responses go where those to the request a do.
func (s *Server) replyTo(a *Arrival) {
	to := s.terms.layer.replyTo(a)
	s.flow, s.port = to.Flow, to.Addr.Port()
	if to.ServerName != "" {
		s.seldom().serverName = to.ServerName
	}
	if addr := to.Addr.Addr(); addr != a.Source.Addr() {
		s.seldom().maddr = addr
	}
}

// sendTo sends a response. The connection it leaves by is kept for the next one.
func (s *Server) sendTo(b []byte, f transport.Failed) error {
	l := s.terms.layer
	l.peer = s.ReplyTo()
	err := l.wire.Send(&l.peer, b, f)
	s.flow = l.peer.Flow
	return err
}

// replyTo is where the responses to the request a go: back on the connection it arrived on, or from
// the very listener a datagram arrived at. a.Msg's topmost Via decides the port, and within limits
// the address: see believes.
func (l *Layer) replyTo(a *Arrival) transport.Peer {
	to := transport.Peer{Kind: a.Kind, Addr: a.Source, Local: a.Local, LocalIP: a.LocalIP, Flow: a.Flow}
	via, err := a.Msg.TopVia()
	if err != nil {
		return to
	}
	if a.Kind.Reliable() {
		// The connection first. When it is gone: the address the request came from, the port of
		// sent-by.
		to.Addr = netip.AddrPortFrom(a.Source.Addr(), portOf(&via, a.Kind))
		// A browser can't be connected to (RFC 7118 §5).
		to.FlowOnly = a.Kind == transport.WS || a.Kind == transport.WSS
		if _, err := parseHost(via.Host); a.Kind == transport.TLS && err != nil {
			to.ServerName = string(via.Host)
		}
		return to
	}
	if maddr, ok := via.Params.Get("maddr"); ok {
		if addr, err := parseHost(maddr); err == nil && l.believes(addr, a.Source.Addr()) {
			to.Addr = netip.AddrPortFrom(addr.Unmap(), portOf(&via, a.Kind))
			return to
		}
	}
	if _, asked := via.RPort(); asked {
		return to // RFC 3581 §4: where it came from, address and port
	}
	to.Addr = netip.AddrPortFrom(a.Source.Addr(), portOf(&via, a.Kind))
	return to
}

// believes reports whether responses go to the maddr of a request from the source. Otherwise
// anybody could, unasked, have us answer a stranger, eleven times for an INVITE (§17.2.1). maddr
// was made for multicast (§18.1.1); that, and the sender's own address, are always accepted; others
// only from a trusted sender.
func (l *Layer) believes(maddr, source netip.Addr) bool {
	maddr, source = maddr.Unmap(), source.Unmap().WithZone("")
	return maddr == source || maddr.IsMulticast() || l.options.TrustVia != nil && l.options.TrustVia(source)
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
