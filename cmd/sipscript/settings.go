package main

// The settings of a server: the values of the flags, checked.

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
)

// maxLanes bounds --lanes: more than that is a typing mistake on any machine.
const maxLanes = 1024

type settings struct {
	script     string       // "" is the embedded default
	dialect    *all.Dialect // of the script, nil for this server's own
	listen     []string
	served     []host.Listener   // listeners of modules
	passed     *sockets          // of systemd; nil: none
	advertise  map[string]string // listen spec → public host[:port]
	domains    []string
	trustVia   []netip.Prefix
	dns        []string             // servers, none for those of the system
	secure     string               // a listener over TLS, "" for none
	tls        []transport.TLSFiles // certificates
	clientAuth transport.ClientAuth // what is required of clients over TLS
	rootCA     string               // authorities that vouch for servers, "" for the system's
	data       string               // a directory, "" for state in memory
	redis      host.URL             // , "" for none
	db         host.URL             // , "" for none
	secret     string               // a file, "" for the one in data, or a key made again
	admin      string               // host:port, "" for none
	adminHosts []string             // names it is known by in addition to its own
	adminFiles
	watch      bool
	args       map[string]string
	lanes      int
	logLevel   slog.Level
	noCallLog  bool
	logJSON    bool
	budget     time.Duration
	memory     int    // bytes
	hep        string // udp:, tcp: or tls: and host:port; "" for none
	hepID      uint32
	otlp       string // URL, "" for none
	ring       int    // bytes that the server remembers calls in; 0: none
	drain      time.Duration
	drainCalls time.Duration
	loadBudget time.Duration
	lifetime   time.Duration // of a signed Record-Route
	flags      host.Values   // of modules
	maxDelay   time.Duration // as engine.Config has it: 0 for its default, negative for never
}

// adminFiles are those of the admin interface, "" for none.
type adminFiles struct{ adminTokens, adminCert, adminKey string }

// maxMemory bounds --script-memory.
const maxMemory = 1 << 40

// readSize reads a size such as 64MiB.
func readSize(text string) (int, bool) {
	for _, unit := range []struct {
		name string
		size int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		if digits, ok := strings.CutSuffix(text, unit.name); ok {
			n, err := strconv.Atoi(digits)
			return n * unit.size, err == nil && n > 0 && n <= maxMemory/unit.size
		}
	}
	return 0, false
}

// readSettings reads and checks the whole of a `sipscript run` command line.
func readSettings(c *cli.Context, lookup func(string) (string, bool)) (*settings, error) {
	script, err := layer(c, lookup)
	if err != nil {
		return nil, err
	}
	s := &settings{script: script, data: c.String("data"), redis: host.URL(c.String("redis")), db: host.URL(c.String("db")), secret: c.String("secret"), admin: c.String("admin"), budget: c.Duration("script-budget"), drain: c.Duration("drain"), lifetime: c.Duration("route-lifetime"), loadBudget: c.Duration("load-budget")}
	if s.passed, err = readSockets(lookup, os.Getpid(), os.NewFile); err != nil {
		return nil, err
	}
	s.drainCalls, s.noCallLog = c.Duration("drain-calls"), c.Bool("no-call-log")
	steps := []func(*cli.Context) error{s.readScript, s.readListen, s.readTLS, s.readAdvertise, s.readTrustVia, s.readDNS, s.readDomains, s.readArgs, s.readStorage, s.readWatch, s.readLimits, s.readAdmin, s.readRing, s.readHEP, s.readOTLP, s.readLog}
	for _, step := range steps {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	s.flags, err = readValues(c, moduleFlags())
	return s, err
}

func (s *settings) readScript(c *cli.Context) error {
	switch args := c.Args(); {
	case args.Len() > 1:
		return usagef("expected one script: found %q after %q", args.Get(1), args.First())
	case args.Len() == 1:
		if s.script = args.First(); s.script == "" {
			return usagef("the script's name is empty; omit it to run the embedded default")
		}
	}
	for _, d := range all.Dialects() {
		file := c.String(d.Name)
		if file == "" {
			continue
		}
		if c.Args().Present() {
			return usagef("--%s %s: there is another script, %s: only one can direct the server", d.Name, file, c.Args().First())
		}
		s.script, s.dialect = file, &d
	}
	return nil
}

func (s *settings) readListen(c *cli.Context) error {
	protocols := host.Listens(all.Plugins())
	seen := map[string]bool{}
	for _, text := range c.StringSlice("listen") {
		i := slices.IndexFunc(protocols, func(p host.Protocol) bool { return strings.HasPrefix(text, p.Name+":") })
		if i < 0 {
			s.listen = append(s.listen, text)
			continue
		}
		if err := protocols[i].Check(text); err != nil {
			return usagef("--listen %s: %v", text, err)
		}
		if seen[text] {
			return usagef("--listen %s is given twice", text)
		}
		seen[text] = true
		if protocols[i].Secure {
			s.secure = text
		}
		s.served = append(s.served, host.Listener{Text: text})
	}
	given := len(s.listen) > 0
	if !given {
		s.listen = defaultListen()
	}
	if err := s.serveOn(s.passed, given); err != nil {
		return err
	}
	for _, text := range s.listen {
		spec, err := transport.ParseListen(text)
		if err != nil {
			name, _, _ := strings.Cut(text, ":")
			if _, known := transport.ParseKind([]byte(name)); known {
				return usagef("--listen %s: %v", text, err)
			}
			return usagef("--listen %s: write PROTO:IP:PORT, as in udp:127.0.0.1:5060; the protocols are udp, tcp, tls, ws, wss, %s", text, names(protocols))
		}
		if spec.Kind.Secure() {
			s.secure = text
		}
		if seen[text] && spec.Addr.Port() != 0 {
			return usagef("--listen %s is given twice", text)
		}
		seen[text] = true
	}
	return nil
}

// names are those of protocols, with commas between them.
func names(protocols []host.Protocol) string {
	var list []string
	for _, p := range protocols {
		list = append(list, p.Name)
	}
	return strings.Join(list, ", ")
}

func (s *settings) readTrustVia(c *cli.Context) error {
	for _, text := range c.StringSlice("trust-via") {
		p, err := netip.ParsePrefix(text)
		if addr, bare := netip.ParseAddr(text); bare == nil && addr.Zone() == "" {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return usagef("--trust-via %s: expected a network or an IP address, such as 192.0.2.0/24 or 192.0.2.1", text)
		}
		s.trustVia = append(s.trustVia, p)
	}
	return nil
}

func (s *settings) readDNS(c *cli.Context) error {
	s.dns = c.StringSlice("dns")
	for _, text := range s.dns {
		_, err := netip.ParseAddrPort(text)
		if _, bare := netip.ParseAddr(text); err != nil && bare != nil {
			return usagef("--dns %s: expected the server's IP address, with or without a port, such as 192.0.2.53 or 192.0.2.53:53", text)
		}
	}
	return nil
}

func (s *settings) readDomains(c *cli.Context) error {
	s.domains = c.StringSlice("domain")
	for _, name := range s.domains {
		if name == "" || strings.ContainsAny(name, " \t\r\n/@<>\";,") {
			return usagef("--domain %q: expected a domain name such as example.com", name)
		}
	}
	return nil
}

func (s *settings) readArgs(c *cli.Context) error {
	s.args = map[string]string{}
	for _, text := range c.StringSlice("set") {
		key, value, ok := strings.Cut(text, "=")
		if !ok || !isIdentifier(key) {
			return usagef("--set %s: expected KEY=VALUE, KEY a name of letters, digits and _", text)
		}
		s.args[key] = value
	}
	return nil
}

func (s *settings) readStorage(c *cli.Context) error {
	if c.IsSet("data") && s.data == "" {
		return usagef("--data is empty; omit it to keep state in memory")
	}
	if c.IsSet("db") && !clients.New(clients.Options{Drivers: drivers.All()}).IsDatabase(string(s.db)) {
		return usagef("--db: expected sqlite:PATH, postgres://… or mysql://…")
	}
	if !c.IsSet("redis") {
		return nil
	}
	// Errors of URLs quote them, with the password.
	u, err := url.Parse(string(s.redis))
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return usagef("--redis: expected redis://HOST:PORT/DB, rediss://… for TLS, or unix:///PATH")
	}
	if db := strings.Trim(u.Path, "/"); u.Scheme != "unix" && db != "" {
		if _, err := strconv.ParseUint(db, 10, 16); err != nil {
			return usagef("--redis: %q at the end of the URL is not a database number, as in redis://HOST:PORT/0", db)
		}
	}
	if s.secret == "" {
		return usagef("--redis needs --secret FILE, the same on all servers that share it; create one with: head -c 32 /dev/urandom | base64 > FILE")
	}
	return nil
}

func (s *settings) readWatch(c *cli.Context) error {
	on, off := c.IsSet("watch"), c.IsSet("no-watch")
	switch {
	case on && off && c.Bool("watch") == c.Bool("no-watch"):
		return usagef("--watch and --no-watch contradict each other")
	case off:
		s.watch = !c.Bool("no-watch")
	case on:
		s.watch = c.Bool("watch")
	default:
		s.watch = true
	}
	if s.script == "" { // the embedded script has no file to watch
		s.watch = false
	}
	return nil
}

func (s *settings) readLimits(c *cli.Context) error {
	if s.lanes = c.Int("lanes"); s.lanes == 0 {
		if c.IsSet("lanes") {
			return usagef("--lanes 0: expected 1 or more")
		}
		s.lanes = runtime.GOMAXPROCS(0)
	}
	switch {
	case s.lanes < 0 || s.lanes > maxLanes:
		return usagef("--lanes %d: expected 1 to %d", s.lanes, maxLanes)
	case s.budget <= 0:
		return usagef("--script-budget %s: expected a time greater than 0, such as 200ms", s.budget)
	case s.loadBudget < s.budget:
		return usagef("--load-budget %s: expected --script-budget (%s) or more, such as 30s", s.loadBudget, s.budget)
	case s.lifetime < time.Minute:
		return usagef("--route-lifetime %s: expected a minute or more, such as 24h: calls that outlast it cannot be ended", s.lifetime)
	case s.drain < 0:
		return usagef("--drain %s: expected 0 or more, such as 32s", s.drain)
	case s.drainCalls < 0:
		return usagef("--drain-calls %s: expected 0 or more, such as 10m", s.drainCalls)
	}
	size := c.String("script-memory")
	var ok bool
	if s.memory, ok = readSize(size); !ok || s.memory < 1<<20 {
		return usagef("--script-memory %s: expected a size of at least 1MiB, with its unit, such as 64MiB", size)
	}
	if c.IsSet("max-delay") {
		switch s.maxDelay = c.Duration("max-delay"); {
		case s.maxDelay < 0:
			return usagef("--max-delay %s: expected 0 or more, such as 100ms", s.maxDelay)
		case s.maxDelay == 0:
			s.maxDelay = -1
		}
	}
	return nil
}

func (s *settings) readLog(c *cli.Context) error {
	var err error
	if s.logLevel, err = readLevel(c.String("log-level")); err != nil {
		return usagef("--log-level %s: expected debug, info, warn or error", c.String("log-level"))
	}
	switch c.String("log-format") {
	case "text":
	case "json":
		s.logJSON = true
	default:
		return usagef("--log-format %s: expected text or json", c.String("log-format"))
	}
	return nil
}

func checkHostPort(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return fmt.Errorf("expected HOST:PORT, such as 127.0.0.1:8060")
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("expected a port from 0 to 65535, found %q", port)
	}
	return nil
}
