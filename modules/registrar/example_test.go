package registrar_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/registrar"
)

// home is the one domain that is served. An engine.Engine has the same method.
type home struct{}

func (home) IsLocal(host string, _ uint16) bool { return host == "example.com" }

// A registrar works on messages alone, too: here without an engine. In a router it is one call,
// users.Save(req, nil), and the targets are those of users.Lookup.
func ExampleRegistrar_Process() {
	users, err := registrar.New(registrar.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var m message.Message
	if err := m.Parse([]byte("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:bob@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: <sip:bob@192.0.2.7>;expires=600\r\nContent-Length: 0\r\n\r\n"), nil); err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	from := registrar.Origin{Source: netip.MustParseAddrPort("192.0.2.7:5060"), Transport: transport.UDP, Socket: "udp:192.0.2.1:5060"}
	res := users.Process(context.Background(), &m, &from, home{}, now)
	fmt.Println(res.Code, res.Err)

	bob, err := message.ParseURI([]byte("sip:bob@example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, later := range []time.Duration{0, time.Hour} {
		found, err := users.Lookup(context.Background(), &bob, now.Add(later))
		fmt.Println(len(found), err)
		for _, b := range found {
			fmt.Println(b.Contact())
		}
	}
	// Output:
	// 200 <nil>
	// 1 <nil>
	// sip:bob@192.0.2.7
	// 0 <nil>
}
