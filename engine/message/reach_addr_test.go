package message

import (
	"net/netip"
	"strings"
	"testing"
)

// parseAddr reads what netip.ParseAddr reads, and nothing else.
func TestParseAddr(t *testing.T) {
	parts := []string{"", "0", "00", "01", "10", "100", "102", "110", "255", "256", "300", "999", "1000", "a", "-1", " 1", "1 "}
	texts := []string{"", ".", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3", "::1", "fe80::1%eth0", "[::1]", "::ffff:1.2.3.4", "example.com", "1.2.3.4x"}
	for _, p := range parts {
		for at := range 4 {
			four := []string{"1", "22", "203", "4"}
			four[at] = p
			texts = append(texts, strings.Join(four, "."))
		}
	}
	for _, text := range texts {
		want, wrong := netip.ParseAddr(text)
		got, err := parseAddr([]byte(text))
		if got != want || (err == nil) != (wrong == nil) {
			t.Errorf("%q: %v %v, want %v %v", text, got, err, want, wrong)
		}
	}
	host := []byte("192.0.2.1")
	if n := testing.AllocsPerRun(100, func() { _, _ = parseAddr(host) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
