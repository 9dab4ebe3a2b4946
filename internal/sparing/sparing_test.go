package sparing

import (
	"net/netip"
	"testing"
	"time"
)

func TestOnceAMinute(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	six, near := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff")
	var l Teller
	for i, c := range []struct {
		what   string
		source netip.Addr
		after  time.Duration
		silent int
		ok     bool
	}{
		{"password", a, 0, 0, true},
		{"password", a, time.Second, 0, false},
		{"password", netip.MustParseAddr("::ffff:192.0.2.1"), 59 * time.Second, 0, false},
		{"password", b, time.Second, 0, true},
		{"ban", a, time.Second, 0, true},
		{"password", a, time.Minute, 2, true},
		{"password", six, time.Minute, 0, true},
		{"password", near, time.Minute, 0, false},
		{"password", a, -time.Hour, 0, true}, // the clock was set back
	} {
		t.Run(c.what, func(t *testing.T) {
			if silent, ok := l.May(c.what, c.source, start.Add(c.after)); silent != c.silent || ok != c.ok {
				t.Errorf("%d: %s %s after %v: %d %v", i, c.what, c.source, c.after, silent, ok)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var l Teller
	now := time.Unix(0, 0)
	told := 0
	for i := range 3 * most {
		source := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if _, ok := l.May("password", source, now); ok {
			told++
		}
	}
	if told > most+1 || len(l.sources) > most+1 {
		t.Errorf("%d told, %d remembered", told, len(l.sources))
	}
	l.May("password", netip.MustParseAddr("192.0.2.1"), now.Add(2*time.Minute))
	if len(l.sources) != 1 {
		t.Errorf("%d remembered after two minutes", len(l.sources))
	}
}
