package uac_test

import (
	"strings"
	"testing"
	"time"
)

// What a 200 lists is what is registered (§10.3 step 8); expirations are read as the registrar
// reads them.
func TestWhatA200Grants(t *testing.T) {
	const notListed = "trunk failed none 200, but the registrar does not list our contact " + ourContact + " 200"
	for _, tt := range []struct {
		name, answer, want string
		refreshed          time.Duration // at the latest; 0: it isn't looked at
	}{
		{"only another phone", "Contact: <sip:4930@192.0.2.7:5060>;expires=3600\r\nExpires: 3600\r\n", notListed, 0},
		{"another user at our address", "Contact: <sip:4931@10.0.0.1:5060>;expires=3600\r\n", notListed, 0},
		{"nobody", "Expires: 3600\r\n", notListed, 0},
		{"ours, expired", "Contact: <" + ourContact + ">;expires=0\r\n", notListed, 0},
		{"ours among others", "Contact: <sip:4930@192.0.2.7>;expires=9, <" + ourContact + ">;expires=600\r\n", "trunk registered left nil 200", 9 * time.Minute},
		{"with a parameter of the registrar's", "Contact: <" + ourContact + ";transport=udp>;expires=600\r\n", "trunk registered left nil 200", 9 * time.Minute},
		{"without a port", "Contact: <sip:4930@10.0.0.1>;expires=600\r\n", "trunk registered left nil 200", 9 * time.Minute},
		{"by the header", "Contact: <" + ourContact + ">\r\nExpires: 600\r\n", "trunk registered left nil 200", 9 * time.Minute},
		{"large", "Contact: <" + ourContact + ">;expires=99999999999999999999\r\n", "trunk registered left nil 200", 0},
		{"a large header", "Contact: <" + ourContact + ">\r\nExpires: 4294967296\r\n", "trunk registered left nil 200", 0},
		{"malformed", "Contact: <" + ourContact + ">;expires=soon\r\n", "trunk registered left nil 200", 49 * time.Minute},
		{"empty", "Contact: <" + ourContact + ">;expires=\"\"\r\n", "trunk registered left nil 200", 49 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := world(t, strings.Replace(line, "}", ", expires = 86400 }", 1))
			tr := newTrunk(t, w)
			tr.answer = tt.answer
			w.Run(5 * time.Second)
			if got := state(t, w); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			once := len(tr.times)
			if tt.want == notListed {
				if n := events(t, w, "failed trunk"); n != 1 {
					t.Errorf("%d failures told", n)
				}
				tr.answer = ""
				w.Run(31 * time.Second) // asked again soon
				if got := state(t, w); got != "trunk registered left nil 200" {
					t.Errorf("then %s", got)
				}
				return
			}
			w.Run(max(tt.refreshed, time.Hour))
			if again := len(tr.times) > once; again != (tt.refreshed != 0) {
				t.Errorf("refreshed: %v", again)
			}
		})
	}
}

// The host of our contact may come back in any spelling.
func TestContactInAnySpelling(t *testing.T) {
	for _, host := range []string{"pbx.example.com", "PBX.Example.com:5060", "pbx.example.com.", "pbx.example.com.:5060"} {
		t.Run(host, func(t *testing.T) {
			w := world(t, strings.Replace(line, "}", `, contact = "sip:4930@pbx.example.com" }`, 1))
			tr := newTrunk(t, w)
			tr.answer = "Contact: <sip:4930@" + host + ">;expires=600\r\n"
			w.Run(5 * time.Second)
			if got := state(t, w); got != "trunk registered left nil 200" {
				t.Error(got)
			}
		})
	}
}

// A registrar before a NAT writes the address that it saw.
func TestContactAsTheRegistrarSawIt(t *testing.T) {
	w := world(t, strings.Replace(line, "}", `, contact = "sip:4930@192.168.1.2:5070" }`, 1))
	tr := newTrunk(t, w)
	tr.answer = "Contact: <" + ourContact + ">;expires=600\r\n"
	w.Run(5 * time.Second)
	if got := state(t, w); got != "trunk registered left nil 200" {
		t.Error(got)
	}
}
