package sim_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

const (
	inner  = "192.168.1.2:5060"
	public = "203.0.113.1"
	server = "198.51.100.1:5060"
)

// place is a host of a test, and what came to it.
type place struct {
	*sim.Host
	got  []string
	from []netip.AddrPort
	last sim.Packet
}

func at(w *sim.World, addr string) *place {
	p := &place{}
	p.Host = w.Host(addr, func(in sim.Packet) {
		p.got, p.from, p.last = append(p.got, string(in.Bytes)), append(p.from, in.From), in
	})
	return p
}

// reaches reports whether what one sends now arrives at the other.
func reaches(w *sim.World, from, to *place, addr netip.AddrPort) bool {
	before := len(to.got)
	from.SendTo(addr, []byte("x"))
	w.Run(10 * time.Millisecond)
	return len(to.got) > before
}

// Who gets in through the port that a phone behind the NAT has for its server.
func TestNATFilters(t *testing.T) {
	for _, c := range []struct {
		kind sim.NATKind
		// another port of the server, another host
		port, host bool
		// whether another peer sees the same port
		same bool
	}{
		{sim.FullCone, true, true, true},
		{sim.Restricted, true, false, true},
		{sim.PortRestricted, false, false, true},
		{sim.Symmetric, false, false, false},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			w := sim.New(1)
			n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), Kind: c.kind})
			n.Hide(netip.MustParseAddrPort(inner).Addr())
			phone, srv := at(w, inner), at(w, server)
			port, host := at(w, "198.51.100.1:5070"), at(w, "198.51.100.2:5060")
			if reaches(w, srv, phone, netip.MustParseAddrPort(inner)) {
				t.Error("the inner address leads in")
			}
			if reaches(w, srv, phone, netip.MustParseAddrPort(public+":40001")) {
				t.Error("a port leads in that is nobody's")
			}
			if !reaches(w, phone, srv, srv.Addr()) {
				t.Fatal("nothing gets out")
			}
			seen := srv.from[0]
			if seen.Addr().String() != public || seen.Port() == 5060 {
				t.Errorf("seen as %v", seen)
			}
			if out, ok := n.Outside(phone.Addr(), srv.Addr()); !ok || out != seen {
				t.Errorf("Outside: %v, %v; seen as %v", out, ok, seen)
			}
			for _, x := range []struct {
				name string
				from *place
				want bool
			}{{"the server", srv, true}, {"another port", port, c.port}, {"another host", host, c.host}} {
				if got := reaches(w, x.from, phone, seen); got != x.want {
					t.Errorf("%s reaches it: %v, want %v", x.name, got, x.want)
				}
			}
			reaches(w, phone, host, host.Addr())
			if same := host.from[0] == seen; same != c.same {
				t.Errorf("another peer sees %v, the server %v", host.from[0], seen)
			}
			if !reaches(w, host, phone, host.from[0]) {
				t.Error("the other peer, sent to meanwhile, does not reach it")
			}
		})
	}
}

func TestNATForgets(t *testing.T) {
	w := sim.New(1)
	n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), Kind: sim.FullCone, Timeout: 30 * time.Second})
	n.Hide(netip.MustParseAddrPort(inner).Addr())
	phone, srv := at(w, inner), at(w, server)
	reaches(w, phone, srv, srv.Addr())
	first := srv.from[0]
	w.Run(29 * time.Second)
	reaches(w, srv, phone, first) // what comes in does not keep it
	w.Run(900 * time.Millisecond)
	if !reaches(w, srv, phone, first) {
		t.Error("gone before its time")
	}
	w.Run(100 * time.Millisecond)
	if reaches(w, srv, phone, first) {
		t.Error("there after its time")
	}
	if _, ok := n.Outside(phone.Addr(), srv.Addr()); ok {
		t.Error("Outside tells of what is over")
	}
	reaches(w, phone, srv, srv.Addr())
	if again := srv.from[1]; again == first || !reaches(w, srv, phone, again) {
		t.Errorf("then it has %v, first %v", again, first)
	}
	for range 3 { // what goes out keeps it
		w.Run(20 * time.Second)
		reaches(w, phone, srv, srv.Addr())
	}
	if srv.from[1] != srv.from[4] {
		t.Errorf("%v became %v though it was used", srv.from[1], srv.from[4])
	}
}

// A filter forgets each peer in its own time.
func TestNATForgetsPeers(t *testing.T) {
	w := sim.New(1)
	n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), Timeout: 30 * time.Second})
	n.Hide(netip.MustParseAddrPort(inner).Addr())
	phone, srv, other := at(w, inner), at(w, server), at(w, "198.51.100.2:5060")
	reaches(w, phone, srv, srv.Addr())
	reaches(w, phone, other, other.Addr())
	w.Run(20 * time.Second)
	reaches(w, phone, other, other.Addr())
	w.Run(20 * time.Second)
	if reaches(w, srv, phone, srv.from[0]) || !reaches(w, other, phone, srv.from[0]) {
		t.Error("want the one it still sends to, and only that one")
	}
}

func TestNATRebinds(t *testing.T) {
	w := sim.New(1)
	n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), Kind: sim.FullCone})
	n.Hide(netip.MustParseAddrPort(inner).Addr())
	phone, srv := at(w, inner), at(w, server)
	reaches(w, phone, srv, srv.Addr())
	stream := func() {
		if err := phone.Stream(transport.TCP, server, []byte("s")); err != nil {
			t.Fatal(err)
		}
		w.Run(10 * time.Millisecond)
	}
	stream()
	old := srv.last
	n.Rebind()
	if reaches(w, srv, phone, srv.from[0]) {
		t.Error("a port from before leads in")
	}
	before := len(phone.got)
	srv.Answer(old, []byte("lost"))
	w.Run(10 * time.Millisecond)
	if len(phone.got) != before {
		t.Error("a stream from before leads in")
	}
	stream()
	if srv.last.Flow == old.Flow || srv.last.From == old.From {
		t.Errorf("it sends on the stream from before: %v", srv.last.From)
	}
	srv.Answer(srv.last, []byte("y"))
	w.Run(10 * time.Millisecond)
	if len(phone.got) != before+1 {
		t.Error("no answer on the new stream")
	}
	n.RebindAt(netip.MustParseAddr("203.0.113.7"))
	reaches(w, phone, srv, srv.Addr())
	if got := srv.from[len(srv.from)-1].Addr(); got != n.Public() || got.String() != "203.0.113.7" {
		t.Errorf("seen as %v", got)
	}
}

func TestNATStreams(t *testing.T) {
	w := sim.New(1)
	n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), StreamTimeout: time.Minute})
	n.Hide(netip.MustParseAddrPort(inner).Addr())
	phone, srv := at(w, inner), at(w, server)
	if srv.Stream(transport.TCP, inner, []byte("x")) == nil || srv.Stream(transport.TCP, public+":5060", []byte("x")) == nil {
		t.Error("somebody connects to the inside")
	}
	send := func() {
		if err := phone.Stream(transport.TCP, server, []byte("x")); err != nil {
			t.Fatal(err)
		}
		w.Run(10 * time.Millisecond)
	}
	send()
	w.Run(50 * time.Second)
	srv.Answer(srv.last, []byte("y"))
	w.Run(50 * time.Second)
	send()
	if srv.from[0] != srv.from[1] || len(phone.got) != 1 {
		t.Errorf("from %v; the phone got %q", srv.from, phone.got)
	}
	w.Run(61 * time.Second)
	srv.Answer(srv.last, []byte("z"))
	w.Run(10 * time.Millisecond)
	send()
	if srv.from[1] == srv.from[2] || len(phone.got) != 1 {
		t.Errorf("from %v; the phone got %q", srv.from, phone.got)
	}
}

func TestNATHairpins(t *testing.T) {
	for _, hairpin := range []bool{true, false} {
		t.Run(fmt.Sprint(hairpin), func(t *testing.T) {
			w := sim.New(1)
			n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), Kind: sim.FullCone, Hairpin: hairpin})
			a, b, srv := at(w, inner), at(w, "192.168.1.3:5060"), at(w, server)
			n.Hide(a.Addr().Addr())
			n.Hide(b.Addr().Addr())
			reaches(w, b, srv, srv.Addr())
			if got := reaches(w, a, b, srv.from[0]); got != hairpin {
				t.Errorf("by the public address: %v", got)
			}
			if !reaches(w, a, b, b.Addr()) || b.from[len(b.from)-1] != a.Addr() {
				t.Error("not by the inner one")
			}
		})
	}
}

const invite = "INVITE sip:x@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK1\r\nv: SIP/2.0/UDP 192.168.1.20:5060\r\n" +
	"Contact: <sip:a@192.168.1.2:5060>\r\nFrom: <sip:a@192.168.1.2>;tag=1\r\nContent-Length: 32\r\n\r\no=- 1 1 IN IP4 192.168.1.2\r\ns=-\r\n"

func TestNATWithALG(t *testing.T) {
	for alg, o := range map[sim.ALG]string{sim.NoALG: "192.168.1.2", sim.HeaderALG: "192.168.1.2", sim.BodyALG: public} {
		t.Run(fmt.Sprint(alg), func(t *testing.T) {
			w := sim.New(1)
			n := w.NATOf(sim.NATOptions{Public: netip.MustParseAddr(public), ALG: alg})
			phone, srv := at(w, inner), at(w, server)
			n.Hide(phone.Addr().Addr())
			phone.SendTo(srv.Addr(), []byte(invite))
			w.Run(10 * time.Millisecond)
			seen := inner
			if alg != sim.NoALG {
				seen = srv.from[0].String()
			}
			want := strings.Replace(invite, "Via: SIP/2.0/UDP "+inner, "Via: SIP/2.0/UDP "+seen, 1)
			want = strings.Replace(want, "a@"+inner, "a@"+seen, 1)
			want = strings.Replace(want, "IP4 192.168.1.2", "IP4 "+o, 1)
			if srv.got[0] != want {
				t.Errorf("the server got\n%s\nwant\n%s", srv.got[0], want)
			}
			// What comes in is for the phone as it knows itself
			srv.Answer(srv.last, []byte("BYE sip:a@"+seen+" SIP/2.0\r\nVia: SIP/2.0/UDP "+server+"\r\nVia: SIP/2.0/UDP "+seen+"\r\nContact: <sip:"+seen+">\r\n\r\n"))
			w.Run(10 * time.Millisecond)
			want = "BYE sip:a@" + inner + " SIP/2.0\r\nVia: SIP/2.0/UDP " + server + "\r\nVia: SIP/2.0/UDP " + inner + "\r\nContact: <sip:" + seen + ">\r\n\r\n"
			if len(phone.got) != 1 || phone.got[0] != want {
				t.Errorf("the phone got\n%q\nwant\n%q", phone.got, want)
			}
			if err := phone.Stream(transport.TLS, server, []byte(invite)); err != nil {
				t.Fatal(err)
			}
			if err := phone.Stream(transport.TCP, server, []byte("\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			w.Run(10 * time.Millisecond)
			if srv.got[1] != invite || srv.got[2] != "\r\n\r\n" {
				t.Errorf("it touched what it can't read: %q", srv.got[1:])
			}
		})
	}
}

// What each kind of NAT maps, and lets in.
func TestNATKinds(t *testing.T) {
	const inside, one, samehost, two = "192.168.1.2:5060", "203.0.113.1:5060", "203.0.113.1:5062", "203.0.113.2:5060"
	for _, c := range []struct {
		kind          sim.NATKind
		samePort      bool            // to each destination
		in            map[string]bool // by the first mapping
		lifetime, gap time.Duration
	}{
		{kind: sim.FullCone, samePort: true, in: map[string]bool{one: true, samehost: true, two: true}},
		{kind: sim.Restricted, samePort: true, in: map[string]bool{one: true, samehost: true, two: false}},
		{kind: sim.PortRestricted, samePort: true, in: map[string]bool{one: true, samehost: false, two: false}},
		{kind: sim.Symmetric, in: map[string]bool{one: true, samehost: false, two: false}},
		{kind: sim.FullCone, samePort: true, in: map[string]bool{one: false}, lifetime: 30 * time.Second, gap: 31 * time.Second},
		{kind: sim.PortRestricted, samePort: true, in: map[string]bool{one: true}, lifetime: 30 * time.Second, gap: 25 * time.Second},
	} {
		t.Run(c.kind.String()+" "+c.gap.String(), func(t *testing.T) {
			w := sim.New(1)
			nat := w.NAT("192.0.2.9", "192.168.1.2").As(c.kind, c.lifetime)
			got := 0
			phone := w.Host(inside, func(sim.Packet) { got++ })
			var source netip.AddrPort
			hosts := map[string]*sim.Host{}
			for _, a := range []string{one, samehost, two} {
				hosts[a] = w.Host(a, func(p sim.Packet) { source = p.From })
			}
			phone.Send(one, []byte("x"))
			w.Run(time.Second)
			first := source
			if first.Addr() != netip.MustParseAddr("192.0.2.9") {
				t.Fatalf("it left as %s", first)
			}
			w.Run(c.gap)
			for from, want := range c.in {
				t.Run(from, func(t *testing.T) {
					got = 0
					hosts[from].Send(first.String(), []byte("y"))
					w.Run(time.Second)
					if got == 1 != want {
						t.Errorf("%d came in", got)
					}
				})
			}
			if c.lifetime > 0 {
				return
			}
			phone.Send(two, []byte("x"))
			w.Run(time.Second)
			if (source == first) != c.samePort {
				t.Errorf("to another destination it leaves as %s, to the first as %s", source, first)
			}
			nat.Rebind()
			phone.Send(one, []byte("x"))
			w.Run(time.Second)
			got = 0
			hosts[one].Send(first.String(), []byte("y"))
			w.Run(time.Second)
			if source == first || got != 0 {
				t.Errorf("after Rebind it leaves as %s, and %d came in by the old port", source, got)
			}
		})
	}
}
