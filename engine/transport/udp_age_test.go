package transport

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

// ages keeps how old each message was.
type ages struct{ got chan time.Duration }

func (a *ages) Receive(in *Inbound)      { a.got <- in.Age }
func (a *ages) BadFrame(*Inbound, error) {}
func (a *ages) FlowClosed(FlowID)        {}

// What waited in the socket's buffer says for how long, as soon as there is enough of it to matter.
func TestDatagramsThatWaitedTellHowLong(t *testing.T) {
	if portable {
		t.Skip("only Linux tells when a datagram came")
	}
	r := &ages{make(chan time.Duration, 100)}
	s := NewStack(r, Options{})
	if err := s.Listen([]ListenSpec{{Kind: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}); err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	c, err := net.Dial("udp", s.Locals()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := time.Now()
	for range 40 {
		if _, err := c.Write([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	s.Serve()
	oldest := time.Duration(0)
	for range 40 {
		oldest = max(oldest, <-r.got)
	}
	if oldest <= 0 || oldest > time.Since(sent) {
		t.Errorf("the oldest says %v, sent %v ago", oldest, time.Since(sent))
	}
}
