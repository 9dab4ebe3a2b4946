package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// "sip.supported{"tag", ...}: option tags that this script serves (at file level)".
func TestSupported(t *testing.T) {
	w := luabindtest.New(t, `sip.supported{ "Foo", "bar" } sip.supported{ "foo", "x.y" } function route(req) return req:reply(204) end`)
	for header, want := range map[string]int{
		"Proxy-Require: foo, BAR": 204, "Proxy-Require: X.y": 204, "Proxy-Require:": 204, "Proxy-Require: foo, baz": 420, "Require: baz": 204,
	} {
		t.Run(header, func(t *testing.T) {
			m := w.Ask("MESSAGE", "sip:bob@example.com", header+"\r\n")
			if m.Status() != want {
				t.Errorf("%s: %d, want %d", header, m.Status(), want)
			}
			if got := string(m.Header(message.HeaderUnsupported)); want == 420 && got != "baz" {
				t.Errorf("%s: Unsupported: %s", header, got)
			}
		})
	}
	evalFails(t, w, map[string]string{
		`sip.supported{ "late" }`: "sip.supported can only be called while the file runs",
	})
}

func TestSupportedMistakes(t *testing.T) {
	for source, want := range map[string]string{
		`sip.supported("foo")`:          "argument 1 must be a list of option tags, not",
		`sip.supported()`:               "argument 1 must be a list of option tags, not",
		`sip.supported{ "a", "b c" }`:   "entry 2 must be an option tag",
		`sip.supported{ "a", 1 }`:       "entry 2 must be an option tag",
		`sip.supported{ foo = true }`:   "a list of option tags is wanted",
		`sip.supported{ "a", x = "b" }`: "a list of option tags is wanted",
		`local t = {} for i = 1, 65 do t[i] = "t" .. i end sip.supported(t)`: "more than 64 option tags",
	} {
		t.Run(source, func(t *testing.T) {
			_, err := luabindtest.Try(t, source+" function route() end")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", source, err, want)
			}
		})
	}
}
