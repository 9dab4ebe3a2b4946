package turn

// The module in the command: its listeners, flags, figures and admin API.

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/turn/relay"
)

// Plugin is the module "turn".
func Plugin() host.Plugin {
	check := func(text string) error { _, err := parseListener(text); return err }
	return host.Plugin{
		Name:     "turn",
		Commands: []host.Command{command()},
		Listens:  []host.Protocol{{Name: "stun", Check: check}, {Name: "turn", Check: check}, {Name: "turns", Secure: true, Check: check}},
		Flags: []host.Flag{
			{Name: "turn-relay", Kind: host.List, DefaultText: "the address of the first turn listener", Check: func(text string) error { _, err := parseRelay(text); return err },
				Usage: "relay media at `IP`, or at PUBLIC/LOCAL if a NAT leads PUBLIC to the address LOCAL of this machine; repeatable, for IPv4 and IPv6"},
			{Name: "turn-ports", Default: "49152-65535", Usage: "relay media at the ports `A-B`", Check: func(text string) error { _, err := parsePorts(text); return err }},
			{Name: "turn-secret", DefaultText: "derived from --secret",
				Usage: "read the secret of TURN credentials from `FILE`; on further lines are older ones that are still accepted"},
		},
		New: func(env *host.Environment) (luabind.Opener, error) {
			o := Options{SecretFile: env.Flags.Text("turn-secret"), Log: env.Log}
			for _, given := range env.Listeners {
				l, err := parseListener(given.Text)
				if err != nil {
					continue // of another module
				}
				if given.Advertised != "" {
					if l.AdvertisedHost, l.AdvertisedPort, err = engine.ParseAdvertised(given.Advertised); err != nil {
						return nil, err
					}
				}
				o.Listeners = append(o.Listeners, l)
			}
			for _, text := range env.Flags.List("turn-relay") {
				r, err := parseRelay(text)
				if err != nil {
					return nil, err
				}
				o.Relays = append(o.Relays, r)
			}
			if text := env.Flags.Text("turn-ports"); text != "" {
				var err error
				if o.Ports, err = parsePorts(text); err != nil {
					return nil, err
				}
			}
			return New(o), nil
		},
	}
}

// parseListener reads "turn:127.0.0.1:3478", also without a port, and with ?transport=udp or tcp.
func parseListener(text string) (relay.Listener, error) {
	name, rest, _ := strings.Cut(text, ":")
	kinds := map[string]relay.Kind{"stun": relay.STUN, "turn": relay.TURN, "turns": relay.TURNS}
	kind, ok := kinds[name]
	if !ok {
		return relay.Listener{}, fmt.Errorf("%q is not stun, turn or turns", name)
	}
	l := relay.Listener{Kind: kind}
	rest, query, asked := strings.Cut(rest, "?")
	if asked {
		transport, found := strings.CutPrefix(query, "transport=")
		if !found || transport != "udp" && transport != "tcp" {
			return l, errors.New("behind ? only the transport can stand: ?transport=udp or ?transport=tcp")
		}
		if kind == relay.TURNS && transport == "udp" {
			return l, errors.New("turns is served over TCP alone")
		}
		l.Transport = transport
	}
	addr, err := netip.ParseAddrPort(rest)
	if err != nil {
		ip, bare := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"))
		if bare != nil {
			return l, fmt.Errorf("write an IP address and a port, as in %s:192.0.2.1:%d or %s:[2001:db8::1]:%d", name, kind.DefaultPort(), name, kind.DefaultPort())
		}
		addr = netip.AddrPortFrom(ip, kind.DefaultPort())
	}
	l.Addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return l, nil
}

func parseRelay(text string) (relay.Relay, error) {
	public, local, both := strings.Cut(text, "/")
	if !both {
		local = public
	}
	p, err1 := netip.ParseAddr(public)
	l, err2 := netip.ParseAddr(local)
	if err1 != nil || err2 != nil || p.IsUnspecified() || l.IsUnspecified() || p.Is4() != l.Is4() {
		return relay.Relay{}, errors.New("expected the IP address that peers see, or with / behind it the address of this machine that it leads to")
	}
	return relay.Relay{Public: p, Local: l}, nil
}

func parsePorts(text string) (relay.Ports, error) {
	a, b, ok := strings.Cut(text, "-")
	first, err1 := strconv.ParseUint(a, 10, 16)
	last, err2 := strconv.ParseUint(b, 10, 16)
	if !ok || err1 != nil || err2 != nil || first == 0 || last < first {
		return relay.Ports{}, errors.New("expected a range of ports, such as 49152-65535")
	}
	return relay.Ports{First: uint16(first), Last: uint16(last)}, nil
}

// explain adds advice to an error of a start.
func explain(err error) error {
	var at *relay.RelayError
	switch {
	case errors.Is(err, relay.ErrNoRelay):
		return fmt.Errorf("%w; write --turn-relay IP with the address that peers send to", err)
	case errors.As(err, &at) && errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; if a NAT leads it to this machine, write --turn-relay %s/LOCAL with the address that it leads to", err, at.Local)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: is another server running?", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need privileges; choose another port with --listen", err)
	}
	return err
}

// Metrics of the server.
func (t *Turn) Metrics() []luabind.Metric {
	if len(t.opts.Listeners) == 0 {
		return nil
	}
	stats := func() relay.Stats {
		if s := t.Server(); s != nil {
			return s.Stats()
		}
		return relay.Stats{}
	}
	metric := func(name, help string, kind luabind.MetricKind, get func(relay.Stats) uint64, labels ...string) luabind.Metric {
		m := luabind.Metric{Name: "turn_" + name, Help: help, Kind: kind, Value: func() float64 { return float64(get(stats())) }}
		if len(labels) > 0 {
			m.Labels = map[string]string{labels[0]: labels[1]}
		}
		return m
	}
	list := []luabind.Metric{
		metric("allocations", "Allocations at present.", luabind.Gauge, func(s relay.Stats) uint64 { return uint64(s.Allocations) }),
		metric("users", "Users with allocations at present.", luabind.Gauge, func(s relay.Stats) uint64 { return uint64(s.Users) }),
		metric("connections", "Connections of clients over TCP and TLS at present.", luabind.Gauge, func(s relay.Stats) uint64 { return uint64(s.Streams) }),
		metric("allocations_total", "Allocations that were made.", luabind.Counter, func(s relay.Stats) uint64 { return s.Allocated }),
		metric("expired_total", "Allocations that ended because they were not refreshed.", luabind.Counter, func(s relay.Stats) uint64 { return s.Expired }),
		metric("bindings_total", "Binding requests that were answered.", luabind.Counter, func(s relay.Stats) uint64 { return s.Bindings }),
		metric("challenges_total", "Requests without credentials, which were asked for them.", luabind.Counter, func(s relay.Stats) uint64 { return s.Challenged }),
		metric("stale_total", "Requests with an old nonce.", luabind.Counter, func(s relay.Stats) uint64 { return s.Stale }),
		metric("auth_failures_total", "Requests with credentials that were wrong or had expired.", luabind.Counter, func(s relay.Stats) uint64 { return s.Rejected }),
		metric("malformed_total", "Packets of clients that were not understood.", luabind.Counter, func(s relay.Stats) uint64 { return s.Malformed }),
		metric("connections_refused_total", "Connections of clients beyond the bound.", luabind.Counter, func(s relay.Stats) uint64 { return s.StreamsRefused }),
	}
	for _, way := range []string{"from_clients", "to_clients"} {
		of := func(s relay.Stats) relay.Traffic {
			if way == "to_clients" {
				return s.ToClients
			}
			return s.FromClients
		}
		list = append(list,
			metric("packets_total", "Packets that were relayed.", luabind.Counter, func(s relay.Stats) uint64 { return of(s).Packets }, "direction", way),
			metric("bytes_total", "Bytes that were relayed, without headers.", luabind.Counter, func(s relay.Stats) uint64 { return of(s).Bytes }, "direction", way))
	}
	for _, why := range relay.Refusals() {
		list = append(list, metric("refused_total", "Allocations, permissions and channels that were refused, by why.", luabind.Counter,
			func(s relay.Stats) uint64 { return s.Refused[why] }, "why", why))
	}
	for _, why := range relay.Drops() {
		list = append(list, metric("dropped_total", "Packets that were not relayed, by why.", luabind.Counter, func(s relay.Stats) uint64 { return s.Dropped[why] }, "why", why))
	}
	return list
}
