package resolver

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// All addresses of a name, with what the DNS says about their order, and for how long.
func TestPlaces(t *testing.T) {
	c := newClock()
	r := start(t, options(c, serve(t, `
_sip._udp.gw.example.com. 60 IN SRV 1 30 5060 a.example.com.
_sip._udp.gw.example.com. 60 IN SRV 1 70 5070 b.example.com.
_sip._udp.gw.example.com. 60 IN SRV 2 0 5080 c.example.com.
a.example.com. 600 IN A 192.0.2.1
b.example.com. 600 IN A 192.0.2.2
b.example.com. 600 IN A 192.0.2.3
c.example.com. 600 IN A 192.0.2.4
`).addr))
	q := Query{Host: "gw.example.com", Kind: transport.UDP}
	if _, _, ok := r.Places(&q); ok {
		t.Error("they are known before anybody asked")
	}
	if _, _, err := resolve(r, q); err != nil {
		t.Fatal(err)
	}
	places, lasts, ok := r.Places(&q)
	if !ok || lasts != 30*time.Second { // that there are no AAAA is known for 30 s
		t.Fatalf("%v %v", ok, lasts)
	}
	var got []string
	for _, p := range places {
		got = append(got, fmt.Sprintf("%s %d %d", p.Peer.Addr, p.Tier, p.Weight))
	}
	same(t, "places", got, []string{"192.0.2.1:5060 0 30", "192.0.2.2:5070 0 70", "192.0.2.3:5070 0 70", "192.0.2.4:5080 1 1"})
	c.pass(time.Minute)
	if _, _, ok := r.Places(&q); ok {
		t.Error("they are known after their time")
	}
	for _, host := range []string{"a b", "never.example.com"} {
		t.Run(host, func(t *testing.T) {
			if _, _, ok := r.Places(&Query{Host: host}); ok {
				t.Error("known")
			}
		})
	}
}
