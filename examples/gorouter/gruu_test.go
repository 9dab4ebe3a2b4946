package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/peer"
)

// wire is a phone that writes its messages itself.
type wire struct {
	t *testing.T
	*net.UDPConn
	server netip.AddrPort
}

func newWire(t *testing.T, server string) *wire {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t, conn, netip.MustParseAddrPort(server)}
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := w.WriteToUDPAddrPort([]byte(text), w.server); err != nil {
		w.t.Fatal(err)
	}
}

// read waits for a message that begins with first.
func (w *wire) read(first string) *message.Message {
	w.t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(20 * time.Second))
	for buf := make([]byte, 65536); ; {
		n, err := w.Read(buf)
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", first, err)
		}
		if strings.HasPrefix(string(buf[:n]), first) {
			m := &message.Message{}
			if err := m.Parse(append([]byte(nil), buf[:n]...), &message.Limits{}); err != nil {
				w.t.Fatal(err)
			}
			return m
		}
	}
}

func (w *wire) request(method, uri, from, to, more string) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:x@%s>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000000000001>\"\r\nSupported: gruu\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, w.LocalAddr(), method, w.LocalAddr(), from, to, map[bool]string{true: "r", false: "c"}[method == "REGISTER"], method, w.LocalAddr(), more)
}

// A Go router has the registrar's interceptor by engine.Config: a GRUU that is the remote target of
// a dialog leads to its phone.
func TestGRUUWithinADialog(t *testing.T) {
	t.Parallel() // their servers drain
	server := peer.RunExample(t, func(e peer.Example) error { return serve(e.Context, e.Out, "udp:127.0.0.1:0", "example.com") })
	alice, bob := newWire(t, server.Addr), newWire(t, server.Addr)
	bob.send(bob.request("REGISTER", "sip:example.com", "<sip:bob@example.com>;tag=1", "<sip:bob@example.com>", ""))
	contact, err := message.ParseAddress(bob.read("SIP/2.0 200").Header(message.HeaderContact))
	if err != nil {
		t.Fatal(err)
	}
	gruu, ok := contact.Params.Get("pub-gruu")
	if !ok {
		t.Fatalf("no GRUU: %s", contact.Params)
	}

	alice.send(alice.request("INVITE", "sip:bob@example.com", "<sip:alice@example.com>;tag=1", "<sip:bob@example.com>", ""))
	invite := bob.read("INVITE")
	bob.send(string(message.AppendResponse(nil, invite, 200, "", "b", []byte("Contact: <"+string(gruu)+">\r\n"), nil)))
	ok200 := alice.read("SIP/2.0 200")
	route := "Route: " + string(ok200.Header(message.HeaderRecordRoute)) + "\r\n"
	for _, method := range []string{"ACK", "BYE"} {
		alice.send(alice.request(method, string(gruu), "<sip:alice@example.com>;tag=1", "<sip:bob@example.com>;tag=b", route))
		m := bob.read(method)
		if method != "ACK" {
			bob.send(string(message.AppendResponse(nil, m, 200, "", "", nil, nil)))
			alice.read("SIP/2.0 200")
		}
	}
}
