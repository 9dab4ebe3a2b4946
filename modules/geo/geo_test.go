package geo_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acl"
	"github.com/sipscript/sipscript/modules/geo"
	"github.com/sipscript/sipscript/modules/host"
)

type m = mmdbtype.Map

func text(s string) mmdbtype.String { return mmdbtype.String(s) }

// write makes a database.
func write(t testing.TB, path string, records map[string]m) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", IncludeReservedNetworks: true, RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range records {
		_, n, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(n, record)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// databases are a city and an ASN database.
func databases(t testing.TB) (city, asn string) {
	t.Helper()
	dir := t.TempDir()
	city, asn = filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb")
	write(t, city, map[string]m{
		"203.0.113.0/24": {"country": m{"iso_code": text("DE")}, "city": m{"names": m{"en": text("Berlin"), "de": text("Berlin")}}},
		"192.0.2.0/24":   {"registered_country": m{"iso_code": text("FR")}},
		"2001:db8::/32":  {"country": m{"iso_code": text("IT")}},
	})
	write(t, asn, map[string]m{"203.0.113.0/25": {"autonomous_system_number": mmdbtype.Uint32(64500), "autonomous_system_organization": text("Example")}})
	return city, asn
}

func TestLookup(t *testing.T) {
	d, err := geo.Open(nil, func() []string { a, b := databases(t); return []string{a, b} }()...)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for ip, want := range map[string]string{
		"203.0.113.9": "{DE Berlin 64500 Example} true", "203.0.113.200": "{DE Berlin 0 } true", "::ffff:203.0.113.9": "{DE Berlin 64500 Example} true",
		"192.0.2.1": "{FR  0 } true", "2001:db8::1%eth0": "{IT  0 } true", "198.51.100.1": "{  0 } false",
	} {
		t.Run(ip, func(t *testing.T) {
			p, found, err := d.Lookup(netip.MustParseAddr(ip))
			if got := fmt.Sprint(p, " ", found); err != nil || got != want {
				t.Errorf("%s %v, want %s", got, err, want)
			}
		})
	}
}

// Databases have the same things in other places: those of IPinfo (of 2024, then Lite) and of
// ip-location-db (iptoasn-country, dbip-city). One that has a text where MaxMind has a map hides
// nothing of others.
func TestOtherMakers(t *testing.T) {
	var files []string
	for i, records := range []map[string]m{
		{"203.0.113.0/26": {"country": text("DE"), "country_name": text("Germany"), "asn": text("AS64500"), "as_name": text("Example"), "as_domain": text("example.com")}},
		{"203.0.113.64/26": {"country": text("Germany"), "country_code": text("DE"), "continent": text("Europe"), "asn": text("AS4200000000"), "as_name": text("Example")}},
		{"203.0.113.128/26": {"country_code": text("DE")}, "203.0.113.0/26": {"country_code": text("AT")}},
		{"203.0.113.128/26": {"city": text("Berlin"), "country_code": text("FR"), "latitude": mmdbtype.Float32(52.5), "state1": text("")}},
		{"203.0.113.192/26": {"country": m{"iso_code": mmdbtype.Slice{text("DE")}}, "city": m{"names": text("Berlin")}, "asn": text("AS"), "as_name": mmdbtype.Bool(true)}},
		{"203.0.113.192/26": {"country": m{"geoname_id": mmdbtype.Uint32(1), "iso_code": text("DE"), "names": m{"en": text("Germany")}}, "asn": mmdbtype.Uint32(64501)}},
	} {
		files = append(files, filepath.Join(t.TempDir(), fmt.Sprint(i, ".mmdb")))
		write(t, files[i], records)
	}
	d, err := geo.Open(nil, files...)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for ip, want := range map[string]string{
		"203.0.113.9": "{DE  64500 Example} true", "203.0.113.65": "{DE  4200000000 Example} true", "203.0.113.129": "{DE Berlin 0 } true",
		"203.0.113.193": "{DE Berlin 64501 } true", "198.51.100.1": "{  0 } false",
	} {
		t.Run(ip, func(t *testing.T) {
			p, found, err := d.Lookup(netip.MustParseAddr(ip))
			if got := fmt.Sprint(p, " ", found); err != nil || got != want {
				t.Errorf("%s %v, want %s", got, err, want)
			}
		})
	}
}

func TestScripts(t *testing.T) {
	city, asn := databases(t)
	set, err := host.Open([]host.Plugin{acl.Plugin(), geo.Plugin()}, host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	w := luabindtest.New(t, fmt.Sprintf(`geo, acl = require "geo", require "acl"
		geo.configure({ database = { %q, %q } })
		acl.configure({ lists = { here = { "country:DE", "!asn:64500" } } })
		function route() end`, city, asn), luabindtest.Modules(set.Openers()...))
	for source, want := range map[string][]any{
		`return geo.lookup("203.0.113.9")`:  {map[string]any{"country": "DE", "city": "Berlin", "asn": 64500.0, "org": "Example"}},
		`return geo.lookup("198.51.100.1")`: {nil},
		`return geo.lookup("x")`:            {nil, `"x" is not an address`},
		`return acl.check("203.0.113.200", "here").address, acl.check("203.0.113.9", "here"), acl.check("192.0.2.1", "here")`: {"country:DE", false, false},
	} {
		t.Run(source, func(t *testing.T) {
			if got, err := w.Eval(source); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%#v %v, want %#v", got, err, want)
			}
		})
	}
	bad := filepath.Join(t.TempDir(), "bad.mmdb")
	if err := os.WriteFile(bad, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{
		`geo.configure({ database = "/nowhere.mmdb" })`:      "no such file",
		fmt.Sprintf(`geo.configure({ database = %q })`, bad): "bad.mmdb: ",
		`geo.configure({})`:                "database is required",
		`geo.configure({ database = {} })`: "names no file",
	} {
		t.Run(script, func(t *testing.T) {
			if _, err := luabindtest.Try(t, `geo = require "geo" `+script+` function route() end`, luabindtest.Modules(geo.New(nil))); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	w = luabindtest.New(t, `geo = require "geo" function route() end`, luabindtest.Modules(geo.New(nil)))
	if got, err := w.Eval(`return geo.lookup("203.0.113.9")`); err != nil || len(got) != 2 || got[1] != "geo.configure has named no database" {
		t.Error(got, err)
	}
}

// A file that changes is read again, also when it is written over; a bad one changes nothing.
func TestReload(t *testing.T) {
	city, _ := databases(t)
	d, err := geo.Open(nil, city)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	country := func() string {
		p, _, _ := d.Lookup(netip.MustParseAddr("203.0.113.9"))
		return p.Country
	}
	if err := os.WriteFile(city, []byte("bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	if country() != "DE" {
		t.Error("the database is gone")
	}
	write(t, city, map[string]m{"203.0.113.0/24": {"country": m{"iso_code": text("AT")}}})
	for end := time.Now().Add(10 * time.Second); country() != "AT"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the file was not read again")
		}
	}
}

func Example() {
	d, err := geo.Open(nil) // the paths of databases
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	_, found, _ := d.Lookup(netip.MustParseAddr("203.0.113.9"))
	fmt.Println(found)
	// Output: false
}

func BenchmarkPlace(b *testing.B) {
	city, _ := databases(b)
	d, err := geo.Open(nil, city)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	a := netip.MustParseAddr("203.0.113.9")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Lookup(a); err != nil {
			b.Fatal(err)
		}
	}
}
