package message

import "testing"

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ text, display, name, uri, params string }{
		{"sip:a@h", "", "", "sip:a@h", ""},
		{"<sip:a@h>", "", "", "sip:a@h", ""},
		{"Alice <sip:a@h>;tag=1", "Alice", "Alice", "sip:a@h", ";tag=1"},
		{"Alice Smith<sip:a@h> ; tag = 1", "Alice Smith", "Alice Smith", "sip:a@h", "; tag = 1"},
		{`"A. G. Bell" <sip:a@h>`, `"A. G. Bell"`, "A. G. Bell", "sip:a@h", ""},
		{`"Bell, \"A\" <x>; \\"<sip:a@h>;x`, `"Bell, \"A\" <x>; \\"`, `Bell, "A" <x>; \`, "sip:a@h", ";x"},
		{"sip:a@h;tag=1", "", "", "sip:a@h", ";tag=1"}, // the header's, not the URI's (§20)
		{"<sip:a@h;lr?x=y,z>;tag=1", "", "", "sip:a@h;lr?x=y,z", ";tag=1"},
		{"\r\n <sip:a@h>\r\n ;tag=1", "", "", "sip:a@h", ";tag=1"},
		{"tel:+1-201-555-0123", "", "", "tel:+1-201-555-0123", ""},
		{"A B (home) <sip:a@h>", "A B (home)", "A B (home)", "sip:a@h", ""},
		{`sip:a@h;x="<>"`, "", "", "sip:a@h", `;x="<>"`},
	} {
		t.Run(c.text, func(t *testing.T) {
			a, err := ParseAddress([]byte(c.text))
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
				return
			}
			same(t, c.text+" display", a.Display, c.display)
			same(t, c.text+" name", a.DisplayName(), c.name)
			same(t, c.text+" URI", a.URI, c.uri)
			same(t, c.text+" params", a.Params, c.params)
		})
	}
	if a, err := ParseAddress([]byte(" * ")); err != nil || !a.Star {
		t.Error("Contact: *", a, err)
	}
	for _, text := range []string{
		"", " ", `"a`, `"a" sip:a@h`, `"a"`, "<sip:a@h", "<>", ";tag=1", "sip:a@h?x=y", "sip:a@h,b", "sip:a@h x", "<sip:a@h> x",
		"Bell, Alexander <sip:a@h>", `a "b" <sip:a@h>`, `<sip:a@h>;x="`, "sip:a@h>", "* *",
	} {
		if a, err := ParseAddress([]byte(text)); err == nil {
			t.Errorf("%q: no error, %q", text, a.URI)
		}
	}
}

func TestTag(t *testing.T) {
	for text, want := range map[string]string{
		"<sip:a@h>;tag=1":                         "1",
		"<sip:a@h>;TAG=1":                         "1",
		"<sip:a@h> ; tag = 1":                     "1",
		`<sip:a@h;tag=no>`:                        "",
		"sip:a@h;tag=1":                           "1",
		`"x;tag=no" <sip:a@h>;y="tag=no";tag=yes`: "yes",
	} {
		t.Run(text, func(t *testing.T) {
			a, err := ParseAddress([]byte(text))
			if err != nil {
				t.Error(text, err)
			}
			same(t, text, a.Tag(), want)
		})
	}
}
