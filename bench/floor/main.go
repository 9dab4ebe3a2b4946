// Floor is what the kernel alone costs a SIP proxy: it moves the datagrams of a call between two fixed ports and looks at nothing,
// six in and seven out, with one goroutine that reads and sends. What a proxy costs above this is its own.
//
//	go run ./bench/floor -listen 127.0.0.1:5060 -caller 127.0.0.1:5070 -callee 127.0.0.1:5080
//
// REGISTER is answered 200, so that the load's preparation runs; the seventh datagram stands for the 100 Trying.
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
	caller := flag.String("caller", "127.0.0.1:5070", "where calls come from")
	callee := flag.String("callee", "127.0.0.1:5080", "where they go")
	flag.Parse()
	if err := run(*listen, *caller, *callee); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(listen, caller, callee string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return err
	}
	from, err := netip.ParseAddrPort(caller)
	if err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(callee)
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
	for {
		n, src, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		b := buf[:n]
		switch {
		case bytes.HasPrefix(b, []byte("REGISTER")):
			register(c, src, b)
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

func register(c *net.UDPConn, src netip.AddrPort, b []byte) {
	var m message.Message
	if m.Parse(b, &message.Limits{}) == nil {
		_, _ = c.WriteToUDPAddrPort(message.AppendResponse(nil, &m, 200, "", "floor", nil, nil), src)
	}
}
