package control

import (
	"encoding/json"
	"strings"
	"testing"
)

// What strangers write is cut where its JSON would become too long.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, text string
		bytes      int // that are left
	}{
		{"short", "sip:a@example.com", 17},
		{"plain", strings.Repeat("x", 200), 120},
		{"two bytes each", strings.Repeat("é", 100), 120},
		{"escaped for HTML", strings.Repeat("&", 100), 20},
		{"quoted", strings.Repeat(`"`, 100), 60},
		{"backslashes", strings.Repeat(`\`, 100), 60},
		{"not UTF-8", strings.Repeat("\xff", 100), 20},
		{"separators of lines", strings.Repeat("\u2028", 100), 60},
		{"control characters", strings.Repeat("\x01", 100), 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := cut(c.text, 120)
			text, err := json.Marshal(got)
			if err != nil || len(got) != c.bytes || len(text)-2 > 120 {
				t.Errorf("%d bytes, as JSON %d %v", len(got), len(text)-2, err)
			}
		})
	}
}

// A session makes room for another one only while it has neither a connection nor a leg.
func TestWhoMakesRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		conn *Conn
		legs int64
		room bool
	}{
		{"lost", nil, 0, true},
		{"back again", &Conn{}, 0, false},
		{"a master", nil, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Session{conn: c.conn}
			s.lost.Store(true)
			s.legs.Store(c.legs)
			if s.makesRoom() != c.room || s.gone.Load() != c.room {
				t.Errorf("gone: %v", s.gone.Load())
			}
		})
	}
}

// Lanes look at all legs for one list of a session at a time.
func TestOneList(t *testing.T) {
	h := New(Options{})
	s := &Session{hub: h, first: 1, answers: map[string]*answer{}}
	s.listing.Store(true)
	(&Turn{hub: h, session: s, conn: &Conn{}, message: message{ref: "a", order: "list"}}).list()
	if len(s.kept) != 1 || !strings.Contains(string(s.kept[0]), `"refused":"full"`) {
		t.Errorf("%q", s.kept)
	}
}
