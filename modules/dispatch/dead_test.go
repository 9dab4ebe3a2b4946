package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// serve runs a script on sockets, with args; it returns where it listens on UDP.
func serve(t *testing.T, script string, args map[string]string) net.Addr {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	router, err := luabind.NewRouter(luabind.Options{Source: script, Name: "route.lua", Modules: []luabind.Opener{dispatch.New(dispatch.Options{Log: log})},
		Args: args, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 1, MaxDelay: -1,
		Router: router, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Shutdown(ctx)
	})
	return net.UDPAddrFromAddrPort(e.Locals()[0].Addr)
}

// udp is a socket that answers requests with a code; 0: with nothing.
func udp(t *testing.T, code int) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the socket
		defer close(ended)
		b := make([]byte, 65535)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m message.Message
			if code != 0 && m.Parse(b[:n], &message.Limits{}) == nil && m.IsRequest() && m.Method() != message.MethodAck {
				answer := code
				if m.Method() == message.MethodOptions {
					answer = 200
				}
				_, _ = c.WriteTo(message.AppendResponse(nil, &m, answer, "", "gw", []byte("Contact: <sip:gw@127.0.0.1>\r\n"), nil), from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return c.LocalAddr().String()
}

// resetting is a TCP server that resets each connection: at once, or when something came.
func resetting(t *testing.T, read bool) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the listener
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if read {
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = c.Read(make([]byte, 1))
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// closed is a port where nobody listens.
func closed(t *testing.T, network string) string {
	t.Helper()
	if network == "udp4" {
		c, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answered is how long a caller waits for a 200.
func answered(t *testing.T, server net.Addr) time.Duration {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	invite := fmt.Sprintf("INVITE sip:+49301234@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:a@example.com>;tag=1\r\nTo: <sip:+49301234@example.com>\r\nCall-ID: dead\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%[1]s>\r\nContent-Length: 0\r\n\r\n", c.LocalAddr())
	began := time.Now()
	if _, err := c.WriteTo([]byte(invite), server); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 65535); ; {
		_ = c.SetReadDeadline(began.Add(10 * time.Second))
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b[:n]), "SIP/2.0 100") {
			if !strings.HasPrefix(string(b[:n]), "SIP/2.0 200") {
				t.Errorf("answered %.40q", b[:n])
			}
			return time.Since(began)
		}
	}
}

// In a set with two dead gateways and one that lives, the caller has its answer within half a
// second, whatever they died of.
func TestDeadGateways(t *testing.T) {
	const script = `
local dispatch = require "dispatch"
dispatch.configure { sets = { carriers = {
  { next_hop = sip.args.one }, { next_hop = sip.args.two, priority = 1 }, { next_hop = sip.args.living, priority = 2 } } },
  probe = { interval = 0 } }
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(dispatch.targets("carriers"), { order = "serial", reply_timeout = tonumber(sip.args.timeout) })
end`
	for _, tt := range []struct {
		name, timeout string
		dead          func(t *testing.T) string
	}{
		{"a closed port", "", func(t *testing.T) string { return "sip:" + closed(t, "udp4") }},
		{"refused", "", func(t *testing.T) string { return "sip:" + closed(t, "tcp4") + ";transport=tcp" }},
		{"reset", "", func(t *testing.T) string { return "sip:" + resetting(t, false) + ";transport=tcp" }},
		{"reset by the request", "", func(t *testing.T) string { return "sip:" + resetting(t, true) + ";transport=tcp" }},
		{"silent", "0.2", func(t *testing.T) string { return "sip:" + udp(t, 0) }},
		{"503", "", func(t *testing.T) string { return "sip:" + udp(t, 503) }},
		{"500", "", func(t *testing.T) string { return "sip:" + udp(t, 500) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			least := time.Hour // of a few, since others may use the machine
			for i := 0; i < 5 && least > 500*time.Millisecond; i++ {
				server := serve(t, script, map[string]string{"one": tt.dead(t), "two": tt.dead(t), "living": "sip:" + udp(t, 200), "timeout": tt.timeout})
				least = min(least, answered(t, server))
			}
			if t.Log("answered after", least); least > 500*time.Millisecond {
				t.Errorf("answered after %v", least)
			}
		})
	}
}
