package resolver

// This file puts one question to one server over the network: UDP on its own socket (and so its own
// port), or TCP.

import (
	"context"
	"net"
	"strings"

	"github.com/miekg/dns"
)

const (
	udpSize   = 1232 // passes everywhere unfragmented (RFC 9715)
	maxStrays = 64   // datagrams that do not answer the question, before the server is abandoned
)

// exchange is the default [Exchange].
func exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() }) // ends a read at Close of the resolver
	defer stop()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	conn := &dns.Conn{Conn: c, UDPSize: udpSize}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	for range maxStrays {
		b, err := conn.ReadMsgHeader(nil)
		if err != nil && err != dns.ErrShortRead {
			return nil, err
		}
		// On UDP anybody can send to the port: what does not match is skipped, and the true answer
		// is still waited for (RFC 5452 §9).
		in := new(dns.Msg)
		if err == nil {
			if err = in.Unpack(b); err == nil {
				err = answers(in, m)
			}
		}
		if err == nil || network != "udp" {
			return in, err
		}
	}
	return nil, errStray
}

// answers reports whether in answers m: the id and the question must be the same (RFC 5452 §9.1).
func answers(in, m *dns.Msg) error {
	if !in.Response || in.Id != m.Id || in.Opcode != m.Opcode {
		return errStray
	}
	if len(in.Question) == 0 {
		switch in.Rcode {
		case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeServerFailure, dns.RcodeRefused:
			return nil // a server that could not, or would not, read the question
		}
	}
	if len(in.Question) != 1 {
		return errStray
	}
	got, want := in.Question[0], m.Question[0]
	if got.Qtype != want.Qtype || got.Qclass != want.Qclass || !strings.EqualFold(got.Name, want.Name) {
		return errStray
	}
	return nil
}
