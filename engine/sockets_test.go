package engine_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// patience is how long a test waits for what must come. It is not a delay: what comes is taken at
// once.
const patience = time.Minute

// line is a UDP socket of a test.
type line struct {
	t *testing.T
	*net.UDPConn
}

func newLine(t *testing.T, host string) *line {
	t.Helper()
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no socket on %s: %v", host, err)
	}
	t.Cleanup(func() { c.Close() })
	return &line{t, c.(*net.UDPConn)}
}

// read is the next message that begins with first.
func (l *line) read(first string) *message.Message {
	l.t.Helper()
	_ = l.SetReadDeadline(time.Now().Add(patience))
	for {
		buf := make([]byte, 65536)
		n, _, err := l.ReadFromUDPAddrPort(buf)
		if err != nil {
			l.t.Fatalf("waiting for %s: %v", first, err)
		}
		if m := parse(l.t, string(buf[:n])); strings.HasPrefix(startLine(m), first) {
			return m
		}
	}
}

// onSockets starts an engine that ends with the test; what is under way then gets so long.
func onSockets(t *testing.T, grace time.Duration, c engine.Config) *engine.Engine {
	t.Helper()
	eng, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		_ = eng.Shutdown(ctx)
	})
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	return eng
}

// From IPv4, where another address is advertised, to IPv6: what peers are told is what they can
// reach, and what comes back by it is known as ours.
func TestAdvertisedAddressAndIPv6(t *testing.T) {
	t.Parallel() // it waits
	caller, callee := newLine(t, "127.0.0.1"), newLine(t, "::1")
	target := &engine.Target{URI: "sip:b@" + callee.LocalAddr().String()}
	eng := onSockets(t, 5*time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0", "udp:[::1]:0"}, Advertise: map[string]string{"udp:127.0.0.1:0": "sip.example.net:6060"}, Lanes: 2,
		MaxDelay: -1, Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			_ = r.RecordRoute()
			_, err := r.Relay([]*engine.Target{target}, nil)
			return err
		})})
	server, six := eng.Locals()[0].Addr, eng.Locals()[1]
	send := func(method, uri, to, more string) {
		text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: %s\r\nCall-ID: six\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
			method, uri, caller.LocalAddr(), method, to, method, more)
		if _, err := caller.WriteToUDPAddrPort([]byte(text), server); err != nil {
			t.Fatal(err)
		}
	}
	send("INVITE", "sip:b@example.com", "<sip:b@example.com>", "Contact: <sip:a@"+caller.LocalAddr().String()+">\r\n")
	inv := callee.read("INVITE")
	via, err := inv.TopVia()
	if err != nil || string(via.Host) != "::1" || via.Port != six.Port {
		t.Errorf("Via %s:%d %v", via.Host, via.Port, err)
	}
	var routes []string
	for e := inv.Elements(message.HeaderRecordRoute); e.Next(); {
		routes = append(routes, string(e.Value))
	}
	if len(routes) != 2 || !strings.HasPrefix(routes[0], fmt.Sprintf("<sip:[::1]:%d;lr;r2=on;s=", six.Port)) || !strings.HasPrefix(routes[1], "<sip:sip.example.net:6060;lr;r2=on;s=") {
		t.Fatalf("Record-Route %q", routes)
	}
	res := message.AppendResponse(nil, inv, 200, "", "t", []byte("Contact: <sip:b@"+callee.LocalAddr().String()+">\r\n"), nil)
	if _, err := callee.WriteToUDPAddrPort(res, six.Addr); err != nil {
		t.Fatal(err)
	}
	ok := caller.read("200")
	send("ACK", target.URI, "<sip:b@example.com>;tag=t", callersRoutes(ok))
	if ack := callee.read("ACK"); ack.Find(message.HeaderRoute, 0) >= 0 {
		t.Error("our Route went on")
	}
}

// What is advertised without a port has the listener's own, in Via and in Record-Route, in any
// form of a host.
func TestAdvertisedWithoutAPort(t *testing.T) {
	caller, callee := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	target := &engine.Target{URI: "sip:b@" + callee.LocalAddr().String()}
	for _, row := range []struct{ public, host string }{{"sip.example.net", "sip.example.net"}, {"192.0.2.7", "192.0.2.7"}, {"2001:db8::7", "[2001:db8::7]"}, {"[2001:db8::7]", "[2001:db8::7]"}} {
		t.Run(row.public, func(t *testing.T) {
			eng := onSockets(t, time.Millisecond, engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Advertise: map[string]string{"udp:127.0.0.1:0": row.public}, Lanes: 1, MaxDelay: -1,
				Router: routerFunc(func(r *engine.Request) error {
					_ = r.RecordRoute()
					_, err := r.Relay([]*engine.Target{target}, nil)
					return err
				})})
			l := eng.Locals()[0]
			caller.say(l.Addr, "INVITE", "sip:b@example.com", "adv"+fmt.Sprint(l.Port), "<sip:b@example.com>", "Contact: <sip:a@"+caller.LocalAddr().String()+">\r\n")
			inv := callee.read("INVITE")
			at := fmt.Sprintf("%s:%d", row.host, l.Addr.Port())
			for inv.CallID() != nil && string(inv.CallID()) != "adv"+fmt.Sprint(l.Port) {
				// It is one of the row before
				inv = callee.read("INVITE")
			}
			via := elements(inv, message.HeaderVia)
			route := elements(inv, message.HeaderRecordRoute)
			if !strings.HasPrefix(via[0], "SIP/2.0/UDP "+at+";") || !strings.HasPrefix(route[0], "<sip:"+at+";lr") {
				t.Errorf("%s, %s; want %s", via[0], route[0], at)
			}
		})
	}
}
