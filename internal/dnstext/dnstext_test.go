package dnstext_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/internal/dnstext"
)

// What goes over the wire comes out, whatever the library makes of it in between.
func TestRaw(t *testing.T) {
	for _, text := range []string{"", "v=1; x", `!^(.*)$!sip:\1@example.com!`, `say "x"`, "a\\", "\x00\x7f\xff\\007", "ü"} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			wire := append([]byte{1, 'a', 0, 0, 16, 0, 1, 0, 0, 0, 1, 0, byte(len(text) + 1), byte(len(text))}, text...)
			rr, _, err := dns.UnpackRR(wire, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := dnstext.Raw(rr.(*dns.TXT).Txt[0]); got != text {
				t.Errorf("%q, want %q", got, text)
			}
			if got := dnstext.Raw(dnstext.Quoted(text)); got != text {
				t.Errorf("quoted and back: %q, want %q", got, text)
			}
		})
	}
	if got := dnstext.Raw(`a\`); got != `a\` {
		t.Errorf("%q", got)
	}
}
