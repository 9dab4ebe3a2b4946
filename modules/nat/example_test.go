package nat_test

import (
	"fmt"
	"net/netip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/nat"
)

// What a message says about its sender is compared with where it came from, and corrected.
func Example() {
	var m message.Message
	if err := m.Parse([]byte("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n"+
		"To: <sip:example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContact: <sip:a@10.0.0.2>\r\nContent-Length: 0\r\n\r\n"), nil); err != nil {
		fmt.Println(err)
		return
	}
	from := engine.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.9:1024"), Transport: transport.UDP}
	fmt.Printf("%+v\n", nat.Detect(&m, from))
	nat.FixContact(&m, from.Addr)
	fmt.Printf("%s\n", m.Header(message.HeaderContact))
	// Output:
	// {Contact:true Via:true SDP:false}
	// <sip:a@192.0.2.9:1024>
}
