package resolver

// This file asks the servers one after the other until one gives a usable answer.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/miekg/dns"
)

var (
	errStray   = errors.New("the reply does not answer the question")
	errTimeout = errors.New("timed out")
)

// query asks for a name's records of one type, and returns an answer whose code is NOERROR or
// NXDOMAIN. The error names the last server and what it did.
func (r *Resolver) query(ctx context.Context, q question) (*dns.Msg, error) {
	servers := r.opts.Servers
	first := int(r.server.Load())
	if r.opts.Rotate {
		first = int(r.server.Add(1))
	}
	var last error
	for try := range len(servers) * r.opts.Attempts {
		if ctx.Err() != nil {
			if last == nil {
				last = errTimeout
			}
			break
		}
		at := int(uint32(first+try) % uint32(len(servers)))
		in, err := r.ask(ctx, servers[at], q)
		if err == nil {
			if try > 0 && !r.opts.Rotate {
				r.server.Store(uint32(at)) // the one that answers is asked first from now on
			}
			return in, nil
		}
		last = fmt.Errorf("%s: %w", servers[at], err)
	}
	return nil, last
}

// ask puts the question to one server: over UDP, and again over TCP if the answer was truncated
// (RFC 7766 §5); with EDNS0, and again without it if the server does not understand it (RFC 6891
// §7).
func (r *Resolver) ask(ctx context.Context, server string, q question) (*dns.Msg, error) {
	in, err := r.exchangeOnce(ctx, "udp", server, q, true)
	edns := true
	if err == nil && (in.Rcode == dns.RcodeFormatError || in.Rcode == dns.RcodeNotImplemented) {
		edns = false
		in, err = r.exchangeOnce(ctx, "udp", server, q, edns)
	}
	if err == nil && in.Truncated {
		in, err = r.exchangeOnce(ctx, "tcp", server, q, edns)
	}
	switch {
	case err != nil:
		return nil, plain(err)
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		return nil, errors.New(rcodeName(in.Rcode))
	case isReferral(in):
		return nil, errors.New("a referral: the server does not resolve names for clients")
	}
	return in, nil
}

func (r *Resolver) exchangeOnce(ctx context.Context, network, server string, q question, edns bool) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	m := &dns.Msg{Question: []dns.Question{{Name: dns.Fqdn(q.name), Qtype: q.qtype, Qclass: dns.ClassINET}}}
	m.Id = uint16(r.opts.Random())
	m.RecursionDesired = true
	if edns {
		m.SetEdns0(udpSize, false)
	}
	in, err := r.opts.Exchange(ctx, network, server, m)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // rather than the socket's version of it
		}
		return nil, err
	}
	if in == nil {
		return nil, errStray
	}
	return in, answers(in, m)
}

// isReferral distinguishes an answer that names other servers to ask (RFC 1034 §4.3.1) from one
// that says there are no records.
func isReferral(in *dns.Msg) bool {
	if in.Rcode != dns.RcodeSuccess || len(in.Answer) > 0 || in.Authoritative || in.RecursionAvailable {
		return false
	}
	is := func(want uint16) func(dns.RR) bool {
		return func(rr dns.RR) bool { return rr.Header().Rrtype == want }
	}
	return slices.ContainsFunc(in.Ns, is(dns.TypeNS)) && !slices.ContainsFunc(in.Ns, is(dns.TypeSOA))
}

func rcodeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("RCODE %d", code)
}

// plain describes a network error briefly; its addresses are already known.
func plain(err error) error {
	var n net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return errTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	}
	return err
}
