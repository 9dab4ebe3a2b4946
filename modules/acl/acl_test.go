package acl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/modules/trust"
)

// newACL makes an ACL with lists that are tables.
func newACL(t testing.TB, o Options, lists map[string][]any, drop ...string) *ACL {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	p := Policy{Lists: map[string]source.Spec{}, Drop: drop}
	for name, entries := range lists {
		p.Lists[name] = source.Spec{Entries: entries}
	}
	if err := a.Use(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	return a
}

// from is a sender: "udp 192.0.2.1:5060", then the domains of its certificate.
func from(text string) *trust.Sender {
	words := strings.Fields(text)
	kind, _ := transport.ParseKind([]byte(words[0]))
	return &trust.Sender{Kind: kind, Addr: netip.MustParseAddrPort(words[1]), Identity: words[2:]}
}

// places are countries and networks of a test.
type places struct{}

func (places) Place(a netip.Addr) (string, uint32) {
	if a.Is4() && a.As4()[0] == 203 {
		return "DE", 64500
	}
	return "", 0
}

func TestCheck(t *testing.T) {
	a := newACL(t, Options{Places: func() trust.Places { return places{} }}, map[string][]any{"trunks": {
		"192.0.2.0/24", "192.0.2.7", "!192.0.2.8", map[string]any{"address": "192.0.2.9", "port": 5060.0, "note": "with a port"},
		map[string]any{"address": "198.51.100.0/24", "transport": "tls", "attrs": map[string]any{"carrier": "one"}},
		map[string]any{"address": "198.51.100.0/24", "transport": "tls", "port": 5061.0, "note": "more exact"},
		map[string]any{"address": "10.1.2.3", "mask": 16.0, "tag": "x", "grp": 2.0},
		map[string]any{"address": "10.9.0.1", "expires": "2001-01-01"}, "10.9.0.0/16",
		"2001:db8::/32", "cert:trunk.example.net", "country:DE", "asn:64501",
	}})
	for sender, want := range map[string]string{
		"udp 192.0.2.1:5060":                          "192.0.2.0/24",
		"udp 192.0.2.7:5060":                          "192.0.2.7",
		"udp 192.0.2.8:5060":                          "",
		"udp [::ffff:192.0.2.7]:5060":                 "192.0.2.7",
		"udp 192.0.2.9:5060":                          "192.0.2.9 with a port",
		"udp 192.0.2.9:5070":                          "192.0.2.0/24",
		"udp 198.51.100.1:5060":                       "",
		"tls 198.51.100.1:5060":                       "198.51.100.0/24 map[carrier:one]",
		"tls 198.51.100.1:5061":                       "198.51.100.0/24 more exact",
		"udp 10.1.200.200:1":                          "10.1.0.0/16 map[group:2 tag:x]",
		"udp 10.9.0.1:1":                              "10.9.0.0/16",
		"udp [2001:db8::1]:5060":                      "2001:db8::/32",
		"udp [2001:db9::1]:5060":                      "",
		"tls 172.16.0.1:1 trunk.example.net":          "cert:trunk.example.net",
		"tls 192.0.2.8:1 other.net trunk.example.net": "cert:trunk.example.net",
		"tls 172.16.0.1:1 example.net":                "",
		"udp 203.0.113.5:5060":                        "country:DE",
		"udp 204.0.113.5:5060":                        "",
	} {
		t.Run(sender, func(t *testing.T) {
			e, ok, err := a.Check("trunks", from(sender))
			got := e.Address
			if e.Note != "" {
				got += " " + e.Note
			}
			if e.Attrs != nil {
				got += fmt.Sprint(" ", e.Attrs)
			}
			if err != nil || ok != (want != "") || got != want {
				t.Errorf("%q %v %v, want %q", got, ok, err, want)
			}
			if text, ok := a.Covers("trunks", from(sender)); text != e.Address || ok != (want != "") {
				t.Errorf("Covers: %q %v", text, ok)
			}
		})
	}
	if _, _, err := a.Check("nobody", from("udp 192.0.2.1:1")); !errors.Is(err, ErrNoList) {
		t.Error(err)
	}
	if _, ok := a.Covers("nobody", from("udp 192.0.2.1:1")); ok || a.HasList("nobody") || !a.HasList("trunks") || !a.HasList(Blocked) {
		t.Error("lists that are not there")
	}
}

func TestBadEntries(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1/24": "did you mean 192.0.2.0/24?", "192.0.2.256": "not an address", "": "address is missing", "a b": "not an address",
		"cert:*.example.net": "a wildcard is not one", "country:GER": "two letters", "asn:x": "autonomous system", "agent:*": "pattern such as",
		"agent:*scan*": "what a client calls itself proves nothing", "300.1.2.3": "not an address", "-a.example": "not an address",
	} {
		t.Run(text, func(t *testing.T) {
			a := newACL(t, Options{}, nil)
			err := a.Use(context.Background(), Policy{Lists: map[string]source.Spec{"x": {Entries: []any{"192.0.2.1", text}}}})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "entry 2") {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	a := newACL(t, Options{}, nil)
	for name, p := range map[string]Policy{
		"can't be the name": {Lists: map[string]source.Spec{"a'b": {Entries: []any{}}}},
		"no such list":      {Drop: []string{"x"}},
		"transport must be": {Lists: map[string]source.Spec{"x": {Entries: []any{map[string]any{"address": "192.0.2.1", "transport": "sctp"}}}}},
		"does not fit":      {Lists: map[string]source.Spec{"x": {Entries: []any{map[string]any{"address": "192.0.2.1", "mask": 64.0}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := a.Use(context.Background(), p); err == nil || !strings.Contains(err.Error(), name) {
				t.Error(err)
			}
		})
	}
}

// What is added counts at once, in place of what was there, ends, and is removed; what comes from
// the source is not removed, but an exception is stronger.
func TestAddAndRemove(t *testing.T) {
	a := newACL(t, Options{}, map[string][]any{"x": {"192.0.2.0/24"}})
	has := func(ip string, want string) {
		t.Helper()
		if e, _, err := a.Check("x", from("udp "+ip+":5060")); err != nil || strings.TrimSpace(e.Address+" "+e.Note) != want {
			t.Errorf("%s: %q %q %v, want %q", ip, e.Address, e.Note, err, want)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(a.Add("x", Entry{Address: "203.0.113.1", Note: "one"}))
	has("203.0.113.1", "203.0.113.1 one")
	check(a.Add("x", Entry{Address: "203.0.113.1", Note: "two"}))
	has("203.0.113.1", "203.0.113.1 two")
	check(a.Add("x", Entry{Address: "203.0.113.2", Expires: time.Now().Add(-time.Second)}))
	has("203.0.113.2", "")
	for _, want := range []bool{true, false} {
		if there, err := a.Remove("x", Entry{Address: "203.0.113.1"}); err != nil || there != want {
			t.Error(there, err)
		}
		has("203.0.113.1", "")
	}
	if there, err := a.Remove("x", Entry{Address: "192.0.2.0/24"}); err != nil || there {
		t.Error(there, err)
	}
	has("192.0.2.7", "192.0.2.0/24")
	check(a.Allow("x", "192.0.2.7", 0, "ours"))
	has("192.0.2.7", "")
	has("192.0.2.6", "192.0.2.0/24")
	check(a.Add("x", Entry{Address: "203.0.113.9"}))
	check(a.Allow("x", "203.0.113.9", 0, ""))
	has("203.0.113.9", "")
	if n := len(a.serving.Load().lists["x"].dynamic.items(a.now())); n != 1 { // the exception
		t.Errorf("%d entries are left", n)
	}
	if err := a.Add("x", Entry{Address: "agent:*x*"}); err == nil {
		t.Error("a pattern was added to a list that is not dropped")
	}
	if err := a.Add("nobody", Entry{Address: "192.0.2.1"}); !errors.Is(err, ErrNoList) {
		t.Error(err)
	}
}

// Many entries that are added and removed one by one are all there, while they are built again.
func TestManyChanges(t *testing.T) {
	a := newACL(t, Options{}, nil)
	addr := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }
	const n = 1500
	for i := range n {
		if err := a.Add(Blocked, Entry{Address: addr(i)}); err != nil {
			t.Fatal(err)
		}
		if _, ok := a.Covers(Blocked, from("udp "+addr(i)+":1")); !ok {
			t.Fatalf("%d is not there", i)
		}
		if i%3 == 0 {
			if there, _ := a.Remove(Blocked, Entry{Address: addr(i)}); !there {
				t.Fatalf("%d was not there", i)
			}
		}
	}
	d := a.serving.Load().lists[Blocked].dynamic
	d.merged.Wait()
	for i := range n {
		if _, ok := a.Covers(Blocked, from("udp "+addr(i)+":1")); ok != (i%3 != 0) {
			t.Fatalf("%d: %v", i, ok)
		}
	}
	if d.len() != 2*n/3 || d.layers.Load().settled.len < n/3 {
		t.Errorf("%d entries, %d settled", d.len(), d.layers.Load().settled.len)
	}
}

// What was added outlives the process, also one that was killed while it wrote.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, journalName)
	a := newACL(t, Options{Data: dir}, nil)
	for _, e := range []Entry{{Address: "203.0.113.1", Note: "stays", Attrs: map[string]any{"a": "b"}}, {Address: "203.0.113.2"},
		{Address: "203.0.113.3", Expires: time.Now().Add(time.Hour)}, {Address: "203.0.113.4", Expires: time.Now().Add(-time.Hour)}, {Address: "!203.0.113.5"}, {Address: "agent:*scan*"}} {
		if err := a.Add(Blocked, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Remove(Blocked, Entry{Address: "203.0.113.2"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path) // as a kill would leave it
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	path = filepath.Join(dir, journalName)
	if err := os.WriteFile(path, append(text, `{"list":"blocked","addr`...), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newACL(t, Options{Data: dir}, nil)
	var got []string
	b.items(b.serving.Load().lists[Blocked], func(i *item, _ bool) bool {
		got = append(got, strings.TrimSpace(i.entry.Address+" "+i.entry.Note))
		return true
	})
	if s := strings.Join(got, ", "); s != "agent:*scan*, 203.0.113.1 stays, !203.0.113.5, 203.0.113.3" && s != "agent:*scan*, 203.0.113.1 stays, 203.0.113.3, !203.0.113.5" {
		t.Error(s)
	}
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != 4 {
		t.Errorf("the file was not rewritten:\n%s", text)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Data: dir}); err == nil || !strings.Contains(err.Error(), "acl.journal:1: ") {
		t.Errorf("a bad line: %v", err)
	}
}

// A journal does not grow without bound.
func TestJournalIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	a := newACL(t, Options{Data: dir}, nil)
	a.journal.lines = spareLines
	for range 2 {
		if err := a.Add(Blocked, Entry{Address: "203.0.113.1"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := a.Add(Blocked, Entry{Address: "203.0.113.1"}); err != nil {
			t.Fatal(err)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dir, journalName)); strings.Count(string(text), "\n") != 3 {
		t.Errorf("%s", text)
	}
}
