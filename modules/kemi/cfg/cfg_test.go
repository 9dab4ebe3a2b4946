package cfg

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const sample = `#!KAMAILIO
# comment
#!define WITH_NAT
#!define DBURL "sqlite:///x.db"
#!define FLB 6
#!ifdef WITH_TLS
loadmodule "tls.so"
#!else
port=5060 # not TLS
#!ifdef WITH_NAT
loadmodule "/usr/lib/nathelper.so"
#!endif
#!endif
#!ifndef WITH_TLS
loadmodule "tm"
#!endif
/* a
   loadmodule "hidden.so"
*/
listen=udp:127.0.0.1:5060 advertise 192.0.2.1:5060
alias="example.com"
modparam("auth_db|usrloc", "db_url", DBURL)
modparam("usrloc", "nat_bflag", FLB)
modparam("acc", "log_extra",
	"a=$fU;"
	"b=$tU") // two
modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")
modparam("x", "url", "http://a/#b")
include_file "more.cfg"
import_file "absent.cfg"
modparam("app_lua", "load", "/etc/kamailio/k.lua")
cfgengine "lua"
`

func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := m[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("k.cfg", files(map[string]string{"k.cfg": sample, "more.cfg": "debug=3\n"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ what, got, want string }{
		{"engine", c.Engine, "lua"},
		{"script", c.Script, "/etc/kamailio/k.lua"},
		{"modules", strings.Join(c.Modules, ","), "nathelper,tm"},
		{"a parameter of several modules", c.Param("usrloc", "db_url", ""), "sqlite:///x.db"},
		{"a define", c.Param("usrloc", "nat_bflag", ""), "6"},
		{"texts over lines", c.Param("acc", "log_extra", ""), "a=$fU;b=$tU"},
		{"# in a text", c.Param("x", "url", ""), "http://a/#b"},
		{"a default", c.Param("x", "nosuch", "d"), "d"},
		{"listen", strings.Join(c.Listen, ","), "udp:127.0.0.1:5060"},
		{"alias", strings.Join(c.Aliases, ","), "example.com"},
		{"table", fmt.Sprint(c.Tables()), "map[ipban:map[autoexpire:300 size:8]]"},
		{"settings", fmt.Sprint(c.Globals), "[{port 5060 k.cfg 9} {listen udp:127.0.0.1:5060 k.cfg 20} {alias example.com k.cfg 21} {debug 3 more.cfg 1}]"},
	} {
		t.Run(x.what, func(t *testing.T) {
			if x.got != x.want {
				t.Errorf("got  %s\nwant %s", x.got, x.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"#!ifdef X\n":                "#!endif is missing",
		"#!endif\n":                  "k.cfg:1: #!endif without #!ifdef",
		"modparam(\"a\"\n":           "k.cfg:1: ) is missing",
		"\nmodparam(\"a\", \"b\")\n": "k.cfg:2: modparam needs",
		"include_file \"x\"\n":       "x cannot be read",
		"include_file \"k.cfg\"\n":   "too many files within files",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Parse("k.cfg", files(map[string]string{"k.cfg": text}))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("k.cfg", files(map[string]string{"k.cfg": text}))
		if err == nil {
			c.Tables()
			c.Param("htable", "htable", "")
		}
	})
}
