package resolver

// This file holds the options of a resolver and their defaults.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

// Family says which addresses are wanted, and which first.
type Family uint8

const (
	PreferIPv4 Family = iota // A and AAAA in turn, A first
	PreferIPv6               // A and AAAA in turn, AAAA first
	OnlyIPv4                 // ask only for A
	OnlyIPv6                 // ask only for AAAA
)

// Exchange sends one DNS message to a server ("192.0.2.1:53") over a network ("udp" or "tcp") and
// returns the answer to it. It must end when ctx does, and may be called on many goroutines. The
// resolver checks id and question again.
type Exchange func(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error)

// Options of a resolver. The zero value of each field means its default.
type Options struct {
	// Servers are asked in this order, as "address" or "address:port". Default: those of
	// /etc/resolv.conf, or 127.0.0.1.
	Servers []string
	// Rotate asks them alternately instead of first asking the last one that answered.
	Rotate bool
	// Kinds are the transports the engine can send over, the preferred first. Default: UDP, TCP,
	// TLS.
	Kinds []transport.Kind
	// Family is about IPv4 and IPv6. Default: PreferIPv4.
	Family Family
	// ResolutionDelay is how long the second of A and AAAA is waited for when the first has
	// addresses (RFC 8305 §3). Default 50 ms.
	ResolutionDelay time.Duration

	// Timeout is how long one server is waited for, once. Default 2 s.
	Timeout time.Duration
	// Attempts is how often the list of servers is gone through. Default 2.
	Attempts int
	// Budget is the longest a whole resolution may take, its wait for its turn included. Default 10
	// s.
	Budget time.Duration

	// CacheSize is how many answers, and how many plans, are kept. Default 4096.
	CacheSize int
	// MinTTL and MaxTTL bound the times to live of records. Default 5 s and 1 h.
	MinTTL, MaxTTL time.Duration
	// NegativeTTL bounds how long the absence of records is remembered (RFC 2308 §5). Default 1
	// min.
	NegativeTTL time.Duration
	// FailureTTL is how long a failure of the servers is remembered (RFC 2308 §7). Default 5 s.
	FailureTTL time.Duration

	// MaxInFlight bounds the resolutions in progress, and the questions on the wire, each. Others
	// wait for their turn. Default 256.
	MaxInFlight int
	// MaxWaiting bounds the waiting callers; more are refused with [ErrBusy]. Default 8192.
	MaxWaiting int

	// Quarantine is how long an address that failed is tried last. Default 30 s.
	Quarantine time.Duration

	// HostsFile is a hosts(5) file, looked at again every few seconds; "-" for none. Default
	// /etc/hosts.
	HostsFile string
	// Hosts are more names, which come before those of the file.
	Hosts map[string][]netip.Addr

	// Random is the source of message ids and of the order by weight; it may be called on many
	// goroutines. Default: a cryptographically strong generator.
	Random func() uint64
	// Now is the time used for the caches. Default time.Now.
	Now func() time.Time
	// Exchange replaces the network. Default: UDP and TCP.
	Exchange Exchange
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	orDefault(&o.ResolutionDelay, 50*time.Millisecond)
	orDefault(&o.Timeout, 2*time.Second)
	orDefault(&o.Attempts, 2)
	orDefault(&o.Budget, 10*time.Second)
	orDefault(&o.CacheSize, 4096)
	orDefault(&o.MinTTL, 5*time.Second)
	orDefault(&o.MaxTTL, time.Hour)
	orDefault(&o.NegativeTTL, time.Minute)
	orDefault(&o.FailureTTL, 5*time.Second)
	orDefault(&o.MaxInFlight, 256)
	orDefault(&o.MaxWaiting, 8192)
	orDefault(&o.Quarantine, 30*time.Second)
	orDefault(&o.HostsFile, "/etc/hosts")
	if o.HostsFile == "-" {
		o.HostsFile = ""
	}
	if o.Random == nil {
		o.Random = rand.Uint64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Exchange == nil {
		o.Exchange = exchange
	}
	if o.Attempts < 0 || o.CacheSize < 0 || o.MaxInFlight < 0 || o.MaxWaiting < 0 {
		return errors.New("resolver: attempts, cache size and limits must be positive")
	}
	for _, d := range []time.Duration{o.ResolutionDelay, o.Timeout, o.Budget, o.MinTTL, o.NegativeTTL, o.FailureTTL, o.Quarantine} {
		if d < 0 {
			return errors.New("resolver: times must be positive")
		}
	}
	if o.MinTTL > o.MaxTTL {
		return fmt.Errorf("resolver: MinTTL %v is more than MaxTTL %v", o.MinTTL, o.MaxTTL)
	}
	if err := o.completeKinds(); err != nil {
		return err
	}
	return o.completeServers()
}

func (o *Options) completeKinds() error {
	if len(o.Kinds) == 0 {
		o.Kinds = []transport.Kind{transport.UDP, transport.TCP, transport.TLS}
	}
	var kinds []transport.Kind
	for _, k := range o.Kinds {
		if k < transport.UDP || k > transport.WSS {
			return fmt.Errorf("resolver: unknown transport %d", k)
		}
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	o.Kinds = kinds
	return nil
}

// completeServers gives each server its port. A machine without resolv.conf has its resolver on
// loopback (resolv.conf(5)).
func (o *Options) completeServers() error {
	port := "53"
	if len(o.Servers) == 0 {
		conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("resolver: %w", err)
		default:
			o.Servers, port = conf.Servers, conf.Port
		}
	}
	if len(o.Servers) == 0 {
		o.Servers = []string{"127.0.0.1"}
	}
	servers := make([]string, len(o.Servers))
	for i, s := range o.Servers {
		if _, err := netip.ParseAddrPort(s); err == nil {
			servers[i] = s
		} else if a, err := netip.ParseAddr(s); err == nil {
			servers[i] = net.JoinHostPort(a.String(), port)
		} else {
			return fmt.Errorf("resolver: server %q: expected an address, or address:port", s)
		}
	}
	o.Servers = servers
	return nil
}
