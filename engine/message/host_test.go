package message

import "testing"

// Hosts are the same in any case, with the dot of the root, and in each spelling of an IPv6
// address.
func TestEqualHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"example.com", "Example.COM", true},
		{"example.com.", "example.com", true},
		{"EXAMPLE.com.", "example.com.", true},
		{"example.com..", "example.com", false},
		{"example.com", "example.net", false},
		{".", "", false},
		{"2001:DB8::1", "2001:db8:0:0::1", true},
		{"2001:db8::1", "2001:db8::2", false},
		{"192.0.2.1", "192.0.2.1", true},
	} {
		t.Run(c.a+" "+c.b, func(t *testing.T) {
			if got := EqualHost([]byte(c.a), []byte(c.b)); got != c.same {
				t.Errorf("%v", got)
			}
			if got := EqualHost([]byte(c.b), []byte(c.a)); got != c.same {
				t.Errorf("the other way round: %v", got)
			}
		})
	}
}

func TestIsInvalidName(t *testing.T) {
	for host, want := range map[string]bool{"x.invalid": true, "X.Y.INVALID.": true, ".invalid": true, "invalid": false, "x.invalid.com": false, "xinvalid": false, "": false} {
		t.Run(host, func(t *testing.T) {
			if got := IsInvalidName([]byte(host)); got != want {
				t.Errorf("%v", got)
			}
		})
	}
}
