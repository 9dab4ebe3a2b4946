package registrar

// This file tests the tokens by which a process finds a client that only it reaches: none but its
// own is taken.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

func newTestNode(host string, boot uint64) *Node {
	n := &Node{key: [32]byte{1, 2, 3}, boot: boot, locals: func() []*transport.Local { return nil }}
	n.at.Store(&places{hosts: []string{host + ";lr"}})
	return n
}

// published is the record of a client on a connection as n publishes it, and the token in it.
func published(t *testing.T, n *Node) (Record, string) {
	t.Helper()
	r := Record{Contact: "sip:bob@10.0.0.1", Received: "tcp:192.0.2.7:1024", Socket: "tcp:198.51.100.1:5060", Flow: 70000}
	n.Publish(&r)
	if len(r.Path) != 1 || r.Flow != 0 || r.Received != "" || r.Socket != "" {
		t.Fatalf("published as %+v", r)
	}
	token, _, ok := strings.Cut(strings.TrimPrefix(r.Path[0], "<sip:"), "@"+n.host()+">")
	if !ok {
		t.Fatal(r.Path)
	}
	return r, token
}

func TestTokenComesBack(t *testing.T) {
	n := newTestNode("192.0.2.1:5060", 1)
	r, token := published(t, n)
	want := way{1, 70000, "tcp:192.0.2.7:1024", "tcp:198.51.100.1:5060", false}
	if w, ok := n.read(token); !ok || w != want {
		t.Errorf("%+v, %v", w, ok)
	}
	n.Adopt(&r)
	if r.Path != nil || r.Flow != want.flow || r.Received != want.received || r.Socket != want.socket {
		t.Errorf("adopted as %+v", r)
	}
}

// TestTokensOfOthers: whatever is not exactly a token that this node made is none.
func TestTokensOfOthers(t *testing.T) {
	n := newTestNode("192.0.2.1:5060", 1)
	_, token := published(t, n)
	refused := func(what, token string) {
		t.Helper()
		if w, ok := n.read(token); ok {
			t.Fatalf("%s: %q was taken for %+v", what, token, w)
		}
	}
	if _, ok := n.read(strings.ToUpper(token)); !ok {
		t.Error("in capitals it is another")
	}
	// The text, so that the bits which the encoding leaves over at its end count as well
	for i := range token {
		for bit := range 8 {
			flipped := token[:i] + string(rune(token[i]^1<<bit)) + token[i+1:]
			if !strings.EqualFold(flipped, token) {
				refused("a bit is flipped", flipped)
			}
		}
	}
	text := make([]byte, len(token))
	size, ok := proxy.ReadToken(text, []byte(token))
	if text = text[:size]; !ok {
		t.Fatal(token)
	}
	for i := range text {
		for bit := range 8 {
			flipped := []byte(string(text))
			flipped[i] ^= 1 << bit
			refused("a bit is flipped inside", string(proxy.AppendToken(nil, flipped)))
		}
	}
	for i := range len(token) {
		refused("cut short", token[:i])
		refused("cut at the front", token[i+1:])
	}
	for _, more := range []string{"A", "AA", "==", "=", "\r\n", " ", token, strings.Repeat("A", 65536)} {
		refused("longer", token+more)
		refused("longer at the front", more+token)
	}
	for i := range token {
		refused("broken across lines", token[:i]+"\n"+token[i:])
	}
	refused("nothing but size", strings.Repeat("A", 1<<20))
	for _, host := range []string{"192.0.2.2:5060", "192.0.2.1:5061", "192.0.2.1:5060;transport=tcp"} {
		_, other := published(t, newTestNode(host, 1))
		refused("of "+host, other)
	}
	stranger := newTestNode("192.0.2.1:5060", 1)
	stranger.key[31] = 1
	_, other := published(t, stranger)
	refused("of another key", other)
}

// TestTokensOfAnEarlierBoot: of a connection before the last start the contact is left, where that
// is an address to connect to; what came from a NAT stays.
func TestTokensOfAnEarlierBoot(t *testing.T) {
	before, now := newTestNode("192.0.2.1:5060", 1), newTestNode("192.0.2.1:5060", 2)
	r, _ := published(t, before)
	now.Adopt(&r)
	if r.Flow != transport.FlowGone || r.Path != nil {
		t.Errorf("a connection of before: %+v", r)
	}
	for contact, left := range map[string]bool{"sip:bob@192.0.2.7:5060;transport=tcp": true, "sip:bob@phone.example.com": true,
		"sip:bob@10.0.0.1": false, "sip:bob@x.INVALID": false, "sip:bob@192.0.2.7 flow": false, "sip:bob@192.0.2.7 ws": false} {
		t.Run(contact, func(t *testing.T) {
			r := Record{Received: "tcp:192.0.2.7:1024", Flow: 7}
			var more string
			r.Contact, more, _ = strings.Cut(contact, " ")
			switch more {
			case "flow":
				r.FlowOnly = true
			case "ws":
				r.Received = "wss:192.0.2.7:1024"
			}
			before.Publish(&r)
			now.Adopt(&r)
			if got := r.Flow == 0 && r.Received == ""; got != left || !left && r.Flow != transport.FlowGone {
				t.Errorf("%s: %+v", contact, r)
			}
		})
	}
	natted := Record{Contact: "sip:bob@10.0.0.1", Received: "udp:192.0.2.7:1024", Socket: "udp:198.51.100.1:5060"}
	r = natted
	before.Publish(&r)
	now.Adopt(&r)
	if r.Received != natted.Received || r.Socket != natted.Socket || r.Path != nil {
		t.Errorf("a NAT: %+v", r)
	}
}

// TestEntriesOfOthersStay: what leads to another node, or is not a token, is left as it is.
func TestEntriesOfOthersStay(t *testing.T) {
	n := newTestNode("192.0.2.1:5060", 1)
	elsewhere, _ := published(t, newTestNode("192.0.2.2:5060", 1))
	for _, path := range [][]string{elsewhere.Path, {"<sip:edge.example.com;lr>"}, {"<sip:x@" + n.host() + ">"}, {"<sip:@" + n.host() + ">"}, {"<sip:a@b>", "<sip:c@d>"}, {""}} {
		r := Record{Contact: "sip:bob@10.0.0.1", Path: path}
		n.Adopt(&r)
		if len(r.Path) != len(path) || r.Path[0] != path[0] || r.Flow != 0 || r.Received != "" {
			t.Errorf("%q became %+v", path, r)
		}
		n.Publish(&r)
		if len(r.Path) != len(path) || r.Path[0] != path[0] {
			t.Errorf("%q was published as %q", path, r.Path)
		}
	}
}
