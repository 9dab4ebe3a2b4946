// Floor is what the kernel alone costs a SIP proxy: it moves the datagrams of a call between caller
// and callee and looks at nothing, six in and seven out, with one goroutine that reads and sends.
// What a proxy costs above this is its own.
//
//	go run ./bench/floor -listen 127.0.0.1:5060
//
// REGISTER is answered 200, so that the load's preparation runs, and tells who is who: it comes
// from the caller, and its Contact is the callee. The seventh datagram stands for the 100 Trying.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/sipscript/sipscript/engine/message"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "where to listen")
	flag.Parse()
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(listen string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return err
	}
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	_ = c.SetReadBuffer(4 << 20)
	trying := bytes.Repeat([]byte("\r\n"), 150)
	buf := make([]byte, 65536)
	var from, to netip.AddrPort
	for {
		n, src, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		b := buf[:n]
		switch {
		case bytes.HasPrefix(b, []byte("REGISTER")):
			from, to = src, register(c, src, b)
		case src.Port() == from.Port():
			if bytes.HasPrefix(b, []byte("INVITE")) {
				_, _ = c.WriteToUDPAddrPort(trying, from)
			}
			_, _ = c.WriteToUDPAddrPort(b, to)
		default:
			_, _ = c.WriteToUDPAddrPort(b, from)
		}
	}
}

// register answers a REGISTER and returns the address in its Contact.
func register(c *net.UDPConn, src netip.AddrPort, b []byte) (contact netip.AddrPort) {
	var m message.Message
	if m.Parse(b, &message.Limits{}) != nil {
		return contact
	}
	_, _ = c.WriteToUDPAddrPort(message.AppendResponse(nil, &m, 200, "", "floor", nil, nil), src)
	if a, err := message.ParseAddress(m.Header(message.HeaderContact)); err == nil {
		if u, err := message.ParseURI(a.URI); err == nil {
			if ip, err := netip.ParseAddr(string(u.Host)); err == nil {
				contact = netip.AddrPortFrom(ip, u.Port)
			}
		}
	}
	return contact
}
