package dialog

import "testing"

// A value of Replaces may have blanks around its semicolons, and be on several lines (RFC 3891
// §6.1, RFC 3261 §25.1).
func TestParseReplaces(t *testing.T) {
	want := dialogID{callID: "98732@sip.example.com", from: "r33th4x0r", to: "ff87ff"}
	for name, row := range map[string]struct {
		value string
		ok    bool
	}{
		"plain":               {"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", true},
		"blanks":              {" 98732@sip.example.com ; from-tag = r33th4x0r ;\tto-tag=ff87ff ", true},
		"folded":              {"98732@sip.example.com;\r\n from-tag=r33th4x0r;\r\n\tto-tag=ff87ff", true},
		"another parameter":   {"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;x=\"a, b\"", true},
		"two":                 {"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff, 1@a;from-tag=2;to-tag=3", false},
		"a blank in a tag":    {"98732@sip.example.com;from-tag=r33 th4x0r;to-tag=ff87ff", false},
		"a comma in a tag":    {"98732@sip.example.com;from-tag=r33,th4x0r;to-tag=ff87ff", false},
		"a blank in Call-ID":  {"98732 @sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", false},
		"no Call-ID":          {";from-tag=r33th4x0r;to-tag=ff87ff", false},
		"one tag":             {"98732@sip.example.com;from-tag=r33th4x0r", false},
		"one tag, twice":      {"98732@sip.example.com;from-tag=r33th4x0r;from-tag=ff87ff", false},
		"nothing":             {"", false},
		"nothing but a comma": {",", false},
	} {
		t.Run(name, func(t *testing.T) {
			if d, ok := parseReplaces(unfolded(row.value)); ok != row.ok || ok && d != want {
				t.Errorf("%+v, %v", d, ok)
			}
		})
	}
}
