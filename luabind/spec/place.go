package spec

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
)

// This file is about where servers and phones are, and over what they talk.

// listeners finds where a server listens.
func (s *server) listeners() error {
	o := &s.o
	at := func(k transport.Kind, port uint16) {
		s.listen = append(s.listen, transport.ListenSpec{Kind: k, Addr: netip.AddrPortFrom(s.addr.Addr(), port)})
	}
	at(transport.UDP, s.addr.Port())
	at(transport.TCP, s.addr.Port())
	if o.Listen == nil && s.addr.Port() == transport.UDP.DefaultPort() {
		for _, k := range []transport.Kind{transport.TLS, transport.WS, transport.WSS} {
			at(k, k.DefaultPort())
		}
	}
	for _, text := range o.Listen {
		spec, err := transport.ParseListen(text)
		if err != nil {
			return err
		}
		if !slices.Contains(s.listen, spec) {
			s.listen = append(s.listen, spec)
		}
	}
	return nil
}

// at is where the server listens for a transport.
func (s *server) at(k transport.Kind) (addr netip.AddrPort, ok bool) {
	for _, l := range s.listen {
		if l.Kind == k {
			return l.Addr, true
		}
	}
	return addr, false
}

// proxy is where a phone sends its requests: to the first server, or to the given address, which is
// that of a server or of anything else.
func (w *world) proxy(c *luabind.Call, k transport.Kind, text string) netip.AddrPort {
	s := w.servers[0]
	if text != "" {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return addressArg(c, text)
		}
		i := slices.IndexFunc(w.servers, func(s *server) bool { return s.addr.Addr() == a })
		if i < 0 {
			return netip.AddrPortFrom(a, k.DefaultPort())
		}
		s = w.servers[i]
	}
	addr, ok := s.at(k)
	if !ok {
		c.Raise("the server at %s does not listen for %s: t.server{ listen = { \"%s:%s:%d\" } }", s.addr, k, k, s.addr.Addr(), k.DefaultPort())
	}
	return addr
}

// uaOptions are those of t.ua.
type uaOptions struct {
	Password  string         `lua:"password" doc:"answers digest challenges"`
	User      string         `lua:"user" doc:"the user name to answer them with; default: that of the URI"`
	Transport string         `lua:"transport" oneof:"udp tcp tls ws wss" doc:"default udp"`
	HTTP      upgradeOptions `lua:"http" doc:"over ws and wss: the request that opens its connection"`
	Outbound  bool           `lua:"outbound" doc:"registers with +sip.instance and reg-id, and writes ob into its Contact (RFC 5626), as browsers' phones do"`
	Instance  string         `lua:"instance" doc:"its +sip.instance, \"urn:uuid:…\""`
	KeepAlive time.Duration  `lua:"keepalive" doc:"sends a keep-alive every so many seconds (RFC 5626 §3.5.1); default: none"`
	NAT       *nat           `lua:"nat" doc:"the NAT it is behind: t.nat{…}"`
	Addr      string         `lua:"addr" doc:"where it is, \"10.0.0.9\" or with a port; default: one of its own"`
	Proxy     string         `lua:"proxy" doc:"where it sends requests without a Route; default: the test's first server"`
	Name      string         `lua:"name" doc:"what the ladder calls it; default: the user of the URI"`
	Auto      *bool          `lua:"auto" doc:"false: it does not answer CANCEL and BYE by itself"`
}

// upgradeOptions are the option http of t.ua: what the script sees as req.source.http.
type upgradeOptions struct {
	Path    string            `lua:"path" doc:"perhaps with a query: \"/sip?token=1\""`
	Origin  string            `lua:"origin" doc:"of the web page: \"https://app.example.com\""`
	Headers map[string]string `lua:"headers" doc:"{Name = text}"`
}

func (o *upgradeOptions) upgrade(c *luabind.Call) *transport.Upgrade {
	headers := map[string]string{}
	if o.Origin != "" {
		headers["Origin"] = o.Origin
	}
	maps.Copy(headers, o.Headers)
	if o.Path == "" {
		o.Path = "/"
	}
	u, err := transport.NewUpgrade(o.Path, headers)
	if err != nil {
		c.Raise("http.path: %q is not a path", o.Path)
	}
	return u
}

// begin starts the test's server, if there is none yet.
func (w *world) begin(c *luabind.Call) {
	if len(w.servers) > 0 {
		return
	}
	if _, err := w.start(c, w.plan.defaults); err != nil {
		c.Raise("the server does not start: %s", textOf(err))
	}
	w.pass(c, 0)
}

// newUA is t.ua(uri, {…}).
func (w *world) newUA(c *luabind.Call, u *message.URI, o uaOptions) *ua {
	host, user, port := string(u.Host), string(u.User), u.Port // u ends when the server starts
	po := phone.Options{URI: c.URIText(1), Kind: transport.UDP, Changed: w.changed, Trouble: w.trouble}
	w.begin(c)
	if o.Transport != "" {
		po.Kind, _ = transport.ParseKind([]byte(o.Transport))
	}
	_, err := netip.ParseAddr(host)
	po.Upgrade = o.HTTP.upgrade(c)
	po.KeepAlive = o.KeepAlive
	po.Listens, po.Outbound, po.Instance = err == nil, o.Outbound, o.Instance
	po.User, po.Password, po.Manual = o.User, o.Password, o.Auto != nil && !*o.Auto
	po.Addr, po.Proxy = w.place(c, po.Kind, o.Addr, host, port), w.proxy(c, po.Kind, o.Proxy)
	if o.NAT != nil {
		if o.Addr == "" && err != nil {
			po.Addr = o.NAT.next()
		}
		o.NAT.n.Hide(po.Addr.Addr())
	}
	po.Name = w.uniqueName(o.Name, user, host)
	p, err := phone.New(w.sim, po)
	if err != nil {
		c.Raise("%v", err)
	}
	w.phones = append(w.phones, p)
	w.ladder.phones = append(w.ladder.phones, party{Name: po.Name, IP: po.Addr.Addr(), Port: po.Addr.Port()})
	return &ua{w: w, p: p}
}

func addressArg(c *luabind.Call, text string) netip.AddrPort {
	a, err := address(text)
	if err != nil {
		c.Raise("%v", err)
	}
	return a
}

// place is where a phone is: the given addr, or the URI's host if that is an address, or the next
// free one.
func (w *world) place(c *luabind.Call, k transport.Kind, addr, host string, port uint16) netip.AddrPort {
	if addr != "" {
		return addressArg(c, addr)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if port == 0 {
			port = k.DefaultPort()
		}
		return netip.AddrPortFrom(ip, port)
	}
	ip := w.nextIP
	w.nextIP = ip.Next()
	return netip.AddrPortFrom(ip, 5060)
}

// leaveOptions are those of ua:disconnect.
type leaveOptions struct {
	Silent bool `lua:"silent" doc:"the other ends of its connections are not told, as when a mobile loses its network"`
}

// presence are the functions of a phone that leaves and comes back.
func presence() []luabind.Function {
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "leave", Example: `bob:leave()`, Where: luabind.InHandler,
			Doc: "Takes the phone off the network: what is sent to it is lost, and its connections break."},
			luabind.Self[*ua](), func(_ *luabind.Call, u *ua) { u.p.Leave(false) }),
		luabind.Do2(luabind.Function{Name: "disconnect", Example: `bob:disconnect({ silent = true })`, Where: luabind.InHandler,
			Doc: "Ends its connections and takes it off the network, until reconnect."},
			luabind.Self[*ua](), luabind.OptionsArg(leaveOptions{}), func(_ *luabind.Call, u *ua, o leaveOptions) { u.p.Leave(o.Silent) }),
		luabind.Do1(luabind.Function{Name: "reconnect", Example: "bob:disconnect()\nbob:reconnect()", Where: luabind.InHandler,
			Doc: "Brings it back, at its address and on a new connection. It does not register by itself."},
			luabind.Self[*ua](), func(c *luabind.Call, u *ua) { raise(c, u.p.Return()) }),
	}
}
