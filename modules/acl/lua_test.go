package acl

// This file tests the module as scripts see it, and what is dropped.

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	auth "github.com/sipscript/sipscript/modules/auth/plugin"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
)

func world(t *testing.T, script string, options ...luabindtest.Option) (*luabindtest.World, *ACL) {
	t.Helper()
	a, err := New(Options{Clients: clients.New(clients.Options{Drivers: drivers.All()})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if !strings.Contains(script, "function route") {
		script += "\nfunction route(req) req:reply(200) end"
	}
	w := luabindtest.New(t, `acl = require "acl" `+script, append(options, luabindtest.Modules(a))...)
	return w, a
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func TestScripts(t *testing.T) {
	w, _ := world(t, `acl.configure({ lists = { trunks = { "10.0.0.0/24", { address = "198.51.100.7", port = 5060, note = "n", attrs = { carrier = "one" } } } } })
		added = {}
		sip.on("acl.added", function(list, address, note) sip.log.info("ADDED %s %s %s", list, address, tostring(note)) end)
		sip.on("acl.removed", function(list, address) sip.log.info("REMOVED %s %s", list, address) end)
		function route(req) local e = acl.check(req, "trunks") req:reply(e and 200 or 403) end`)
	if code := w.Code("OPTIONS", "sip:example.com"); code != 200 {
		t.Error(code)
	}
	eval(t, w, `local e = acl.check("198.51.100.7:5060", "trunks") return e.address, e.port, e.transport, e.expires, e.note, e.attrs.carrier, tostring(e)`,
		"198.51.100.7", 5060.0, nil, nil, "n", "one", "198.51.100.7")
	eval(t, w, `return acl.check("198.51.100.7:5070", "trunks"), acl.check("198.51.100.7", "trunks"), acl.check("::ffff:10.0.0.9", "trunks").address`, false, false, "10.0.0.0/24")
	eval(t, w, `return acl.check("no address", "trunks")`, nil, `"no address" is not an address`)
	eval(t, w, `return acl.add("blocked", "203.0.113.9", { ttl = 60, note = "x" })`, true)
	eval(t, w, `local e = acl.check("203.0.113.9", "blocked") return e.note, e.expires > 59 and e.expires <= 60`, "x", true)
	eval(t, w, `return acl.add("blocked", { address = "203.0.113.0/28", port = 5070, attrs = { a = 1 } }), #acl.list("blocked"), #acl.list("blocked", { limit = 1 })`, true, 2.0, 1.0)
	eval(t, w, `return acl.list("trunks")[1].address`, "10.0.0.0/24")
	eval(t, w, `return acl.remove("blocked", { address = "203.0.113.0/28", port = 5070 }), acl.remove("blocked", "203.0.113.1"), acl.reload()`, true, false, true)
	eval(t, w, `return acl.add("blocked", "300.1.2.3")`, nil, `"300.1.2.3": `+errAddress.Error())
	eval(t, w, `return acl.add("blocked", { adress = "x" })`, nil, `the entry: unknown "adress"; the names are address, attrs, expires, grp, mask, note, port, tag, transport`)
	w.Run(time.Minute)
	eval(t, w, `return acl.check("203.0.113.9", "blocked")`, false)
	for _, want := range []string{"ADDED blocked 203.0.113.9 x", "ADDED blocked 203.0.113.0/28 nil", "REMOVED blocked 203.0.113.0/28"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	for source, want := range map[string]string{
		`acl.check("10.0.0.1", "trunk")`: `there is no list "trunk"; did you mean "trunks"?`,
		`acl.add("nobody", "10.0.0.1")`:  `there is no list "nobody"`,
		`acl.list("x y")`:                `there is no list "x y"`,
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestBadScripts(t *testing.T) {
	for source, want := range map[string]string{
		`acl.configure({ lists = { x = { "1.2.3" } } })`:                                    "acl.x: entry 1: ",
		`acl.configure({ lists = { x = "y" } })`:                                            "lists.x: expected a table, a function",
		`acl.configure({ lists = { x = "file:/nowhere/x.txt" } })`:                          "no such file",
		`acl.configure({ drop = { "x" } })`:                                                 `drop: "x": there is no such list`,
		`acl.configure({}) acl.configure({})`:                                               "has already been called",
		`acl.configure({ list = {} })`:                                                      `unknown option "list"; did you mean 'lists'?`,
		`acl.configure({ lists = { x = { "agent:*a*" } } })`:                                "drop lists",
		`n = (n or 0) + 1 acl.configure({ lists = { ["x" .. tostring({})] = {} } })`:        "",
		`acl.configure({ lists = { x = function() return { "10.0.0.0/8", "bad!" } end } })`: "entry 2",
	} {
		t.Run(source, func(t *testing.T) {
			a, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			_, err = luabindtest.Try(t, `acl = require "acl" local n `+source+` function route() end`, luabindtest.Modules(a))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What a drop list has is not answered, on UDP and on connections, until it is taken out.
func TestDropLists(t *testing.T) {
	w, a := world(t, `acl.configure({ lists = { bad = { "10.0.0.77", "agent:*scanner*" } }, drop = { "bad", "blocked" } })`)
	code := func(headers ...string) int {
		m := w.Ask("OPTIONS", "sip:example.com", headers...)
		if m == nil {
			return 0
		}
		return m.Status()
	}
	if got := code(); got != 200 {
		t.Fatal(got)
	}
	if got := code("User-Agent: Friendly-Scanner/1\r\n"); got != 0 {
		t.Errorf("a scanner: %d", got)
	}
	eval(t, w, `return acl.add("blocked", "10.0.0.2", { ttl = 3600 })`, true)
	if got := code(); got != 0 {
		t.Errorf("a blocked sender: %d", got)
	}
	eval(t, w, `return acl.add("bad", "agent:*phone*")`, true)
	eval(t, w, `return acl.remove("blocked", "10.0.0.2")`, true)
	if got := code(); got != 200 {
		t.Errorf("afterwards: %d", got)
	}
	if got := code("User-Agent: phone\r\n"); got != 0 {
		t.Errorf("an added pattern: %d", got)
	}
	if n := a.serving.Load().lists["bad"].drops.Load(); n < 2 {
		t.Errorf("%d were counted", n)
	}
	if list := a.Metrics(); len(list) < 6 {
		t.Errorf("%d metrics", len(list))
	}
}

// Lists from a file, a function, and the tables of others.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "trunks.csv")
	if err := os.WriteFile(file, []byte("address,port,note\n192.0.2.0/24,,carrier one\n198.51.100.7,5060,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "k.db")
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	db, err := pool.DB("sqlite:"+path, clients.DBOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`CREATE TABLE address (id INTEGER PRIMARY KEY, grp INT NOT NULL DEFAULT 1, ip_addr TEXT NOT NULL, mask INT NOT NULL DEFAULT 32, port INT NOT NULL DEFAULT 0, tag TEXT)`,
		`INSERT INTO address (grp, ip_addr, mask, port, tag) VALUES (1, '203.0.113.5', 32, 0, 'gw'), (2, '10.1.0.0', 16, 5060, NULL), (2, '2001:db8::', 32, 0, NULL)`,
		`CREATE TABLE acl_entries (list TEXT NOT NULL, address TEXT NOT NULL, port INT, transport TEXT, expires TEXT, note TEXT, attrs TEXT)`,
		`INSERT INTO acl_entries VALUES ('own', '172.16.0.0/12', NULL, NULL, NULL, 'n', '{"a":1}'), ('other', '0.0.0.0/0', NULL, NULL, NULL, NULL, NULL)`,
	} {
		if err := db.Do(t.Context(), func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, q); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w, _ := world(t, fmt.Sprintf(`round = 0 acl.configure({ lists = { trunks = "file:%s", fn = function() round = round + 1 return { "10.0.0." .. round } end,
		k = { url = "sqlite:%s", layout = "kamailio" }, own = "sqlite:%s" } })`, file, path, path))
	eval(t, w, `return acl.check("192.0.2.9", "trunks").note, acl.check("198.51.100.7:5060", "trunks").port`, "carrier one", 5060.0)
	eval(t, w, `return acl.check("203.0.113.5", "k").attrs, acl.check("10.1.2.3:5060", "k").address, acl.check("10.1.2.3:5061", "k"), acl.check("2001:db8::1", "k").attrs.group`,
		map[string]any{"tag": "gw", "group": 1.0}, "10.1.0.0/16", false, 2.0)
	eval(t, w, `return acl.check("172.20.0.1", "own").attrs.a, acl.check("192.0.2.1", "own")`, 1.0, false)
	eval(t, w, `local a = acl.check("10.0.0.1", "fn") local ok = acl.reload() return a and a.address, ok, acl.check("10.0.0.1", "fn"), acl.check("10.0.0.2", "fn").address`,
		"10.0.0.1", true, false, "10.0.0.2")
}

// nameServer answers for one name, with what it is told.
func nameServer(t *testing.T) (at string, set func(records ...string)) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan []dns.RR, 1)
	answers <- nil
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		out := new(dns.Msg).SetReply(m)
		all := <-answers
		answers <- all
		for _, rr := range all {
			if h := rr.Header(); strings.EqualFold(h.Name, m.Question[0].Name) && h.Rrtype == m.Question[0].Qtype {
				out.Answer = append(out.Answer, rr)
			}
		}
		if out.Answer == nil {
			out.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(out)
	})}
	started, ended := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return c.LocalAddr().String(), func(records ...string) {
		var list []dns.RR
		for _, text := range records {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, rr)
		}
		<-answers
		answers <- list
	}
}

// A host name stands for its addresses, and for those of the hosts that its SRV records name.
func TestHostNames(t *testing.T) {
	at, set := nameServer(t)
	set("sip.example.net. 60 IN A 192.0.2.1", "sip.example.net. 60 IN AAAA 2001:db8::1", "_sip._udp.sip.example.net. 60 IN SRV 1 1 5060 b.example.net.", "b.example.net. 60 IN A 192.0.2.2",
		"more.example.net. 1 IN A 192.0.2.9")
	w, a := world(t, `acl.configure({ lists = { trunks = { "sip.example.net", "192.0.2.2/31" } } })`,
		luabindtest.Engine(func(c *engine.Config) { c.Resolver = nil; c.DNS.Servers = []string{at} }))
	eval(t, w, `return acl.check("192.0.2.1", "trunks").address, acl.check("2001:db8::1", "trunks").address, acl.check("192.0.2.2", "trunks").address, acl.check("192.0.2.3", "trunks").address,
		acl.check("192.0.2.9", "trunks")`, "sip.example.net", "sip.example.net", "sip.example.net", "192.0.2.2/31", false)
	eval(t, w, `return acl.add("trunks", "more.example.net")`, true)
	waitFor(t, "the added name has its address", func() bool { _, ok := a.Covers("trunks", from("udp 192.0.2.9:1")); return ok })
	eval(t, w, `return acl.remove("trunks", "more.example.net"), acl.check("192.0.2.9", "trunks")`, true, false)
	// A name that can't be resolved any more keeps what it had
	set()
	v := a.serving.Load()
	a.names.refresh(t.Context(), v, v.hosts())
	eval(t, w, `return acl.check("192.0.2.1", "trunks").address`, "sip.example.net")
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what + ": no")
		}
	}
}

// auth.trusted takes lists by name, whatever the order in the file; a list that is not there is a
// mistake.
func TestAuthTrustsLists(t *testing.T) {
	try := func(script string) (*luabindtest.World, error) {
		set, err := host.Open([]host.Plugin{Plugin(), auth.Plugin()}, host.Environment{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = set.Close() })
		return luabindtest.Try(t, `acl, auth = require "acl", require "auth" `+script, luabindtest.Modules(set.Openers()...))
	}
	w, err := try(`auth.configure({ trusted = { "trunks", "10.9.0.1" } }) acl.configure({ lists = { trunks = { "10.0.0.2" } } })
		function route(req) req:reply(auth.trusted(req) == "trunks" and 200 or 403) end`)
	if err != nil {
		t.Fatal(err)
	}
	if code := w.Code("OPTIONS", "sip:example.com"); code != 200 {
		t.Error(code)
	}
	eval(t, w, `return acl.add("trunks", "!10.0.0.2")`, true)
	eval(t, w, `return acl.remove("trunks", "10.0.0.2")`, false)
	if code := w.Code("OPTIONS", "sip:example.com"); code != 403 {
		t.Errorf("an exception: %d", code)
	}
	if _, err := try(`auth.configure({ trusted = { "trunk" } }) acl.configure({ lists = { trunks = {} } }) function route() end`); err == nil ||
		!strings.Contains(err.Error(), `trusted: "trunk" is not`) {
		t.Error(err)
	}
}
