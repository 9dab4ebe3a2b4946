package engine_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// throughHere is an engine whose calls go to callee, with Record-Route.
func throughHere(t *testing.T, callee *line, listen ...string) *engine.Engine {
	t.Helper()
	target := &engine.Target{URI: "sip:b@" + callee.LocalAddr().String()}
	return onSockets(t, time.Millisecond, engine.Config{Listen: listen, Lanes: 2, Log: slog.New(slog.DiscardHandler),
		Timers: transaction.Timers{T1: 100 * time.Millisecond, T2: 200 * time.Millisecond}, MaxDelay: -1, Domains: []string{"example.com"},
		Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			if r.Method() == message.MethodOptions {
				_, err := r.Reply(200, "", nil)
				return err
			}
			_ = r.RecordRoute()
			_, err := r.Relay([]*engine.Target{target}, nil)
			return err
		})})
}

// say sends a request from a line.
func (l *line) say(to netip.AddrPort, method, uri, callID, toHeader, more string) {
	l.t.Helper()
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, l.LocalAddr(), method, callID, toHeader, callID, method, more)
	if _, err := l.WriteToUDPAddrPort([]byte(text), to); err != nil {
		l.t.Error(err)
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never happened: ", what)
		}
	}
}

func addListener(t *testing.T, eng *engine.Engine, text string) *transport.Local {
	t.Helper()
	l, err := eng.AddListener(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A call that rings when its listener is removed is answered and ended all the same.
func TestRemovedListenerEndsItsCalls(t *testing.T) {
	t.Parallel()
	caller, callee := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	eng := throughHere(t, callee, "udp:127.0.0.1:0")
	stays := eng.Locals()[0]
	goes := addListener(t, eng, "udp:127.0.0.1:0")
	if len(eng.Locals()) != 2 || !eng.IsLocal("127.0.0.1", goes.Port) {
		t.Fatalf("%d listeners", len(eng.Locals()))
	}
	contact := "Contact: <sip:a@10.9.9.9;ob>\r\n" // it is behind a NAT
	caller.say(goes.Addr, "INVITE", "sip:b@example.com", "rings", "<sip:b@example.com>", contact)
	inv := callee.read("INVITE")
	via, err := inv.TopVia()
	if err != nil || via.Port != goes.Port {
		t.Fatalf("Via %s:%d %v", via.Host, via.Port, err)
	}
	if _, err := eng.RemoveListener(fmt.Sprintf("udp:127.0.0.1:%d", goes.Port), 0); err != nil {
		t.Fatal(err)
	}
	if eng.IsLocal("127.0.0.1", goes.Port) || len(eng.Locals()) != 1 || len(eng.Leaving()) != 1 {
		t.Errorf("it still serves: %v %v", eng.Locals(), eng.Leaving())
	}
	caller.say(goes.Addr, "INVITE", "sip:b@example.com", "new", "<sip:b@example.com>", contact)
	refused := caller.read("503")
	if id := string(refused.CallID()); id != "new" || refused.Find(message.HeaderRetryAfter, 0) < 0 {
		t.Errorf("503 to %s", id)
	}
	if _, err := callee.WriteToUDPAddrPort(message.AppendResponse(nil, inv, 200, "", "t", []byte("Contact: <sip:b@"+callee.LocalAddr().String()+">\r\n"), nil), goes.Addr); err != nil {
		t.Fatal(err)
	}
	ok := caller.read("200")
	caller.say(goes.Addr, "ACK", "sip:b@"+callee.LocalAddr().String(), "rings", "<sip:b@example.com>;tag=t", callersRoutes(ok))
	callee.read("ACK")
	await(t, "the listener is removed", func() bool { return len(eng.Leaving()) == 0 && goes.Standing() == transport.Gone })
	await(t, "the address is free", func() bool { // the system may have given it to another test
		free, err := net.ListenPacket("udp", goes.Addr.String())
		if err == nil {
			free.Close()
		}
		return err == nil
	})
	// The Routes still name the listener that has left, and pass by the one that is there
	text := fmt.Sprintf("INFO sip:a@10.9.9.9;ob SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKinfo\r\nMax-Forwards: 70\r\nFrom: <sip:b@example.com>;tag=t\r\nTo: <sip:a@example.com>;tag=1\r\nCall-ID: rings\r\nCSeq: 7 INFO\r\n%sContent-Length: 0\r\n\r\n",
		callee.LocalAddr(), "Route: "+strings.Join(elements(inv, message.HeaderRecordRoute), ", ")+"\r\n")
	if _, err := callee.WriteToUDPAddrPort([]byte(text), stays.Addr); err != nil {
		t.Fatal(err)
	}
	caller.read("INFO")
	caller.say(stays.Addr, "BYE", "sip:b@"+callee.LocalAddr().String(), "rings", "<sip:b@example.com>;tag=t", callersRoutes(ok))
	bye := callee.read("BYE")
	if bye.Find(message.HeaderRoute, 0) >= 0 {
		t.Error("our Route went on")
	}
	if via, _ := bye.TopVia(); via.Port != stays.Port {
		t.Errorf("the BYE left from %d", via.Port)
	}
}

// Connections of a listener that is removed live as long as its drain; nobody new connects.
func TestRemovedStreamListener(t *testing.T) {
	t.Parallel()
	callee := newLine(t, "127.0.0.1")
	eng := throughHere(t, callee, "udp:127.0.0.1:0")
	goes := addListener(t, eng, "tcp:127.0.0.1:0")
	conn, err := net.Dial("tcp", goes.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	ask := func(id string) string {
		fmt.Fprintf(conn, "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr(), id, id)
		first := ""
		for {
			text, err := in.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if first == "" {
				first = strings.TrimSpace(text)
			}
			if text == "\r\n" {
				return first
			}
		}
	}
	if got := ask("a"); got != "SIP/2.0 200 OK" {
		t.Fatal(got)
	}
	if _, err := eng.RemoveListener(goes.Name, time.Hour); err == nil { // port 0 is a name, too
		if got := ask("b"); got != "SIP/2.0 503 Service Unavailable" {
			t.Error(got)
		}
	} else {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", goes.Addr.String()); err == nil {
		c.Close()
		t.Error("somebody has connected")
	}
	if n := eng.Connections(goes); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := eng.AddListener("tcp:"+goes.Addr.String(), ""); err == nil || !strings.Contains(err.Error(), "has not left yet") {
		t.Errorf("%v", err)
	}
	if _, err := eng.RemoveListener("tcp:"+goes.Addr.String(), 0); err != nil { // again: sooner
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection: %v", err)
	}
	await(t, "it is gone", func() bool { return len(eng.Leaving()) == 0 })
	again := addListener(t, eng, "tcp:"+goes.Addr.String())
	if again.Index != goes.Index {
		t.Errorf("it has another place than before: %d, %d", again.Index, goes.Index)
	}
}

func TestListenerKinds(t *testing.T) {
	eng := throughHere(t, newLine(t, "127.0.0.1"), "udp:127.0.0.1:0")
	for _, row := range []struct{ text, advertised, sentBy string }{
		{"tcp:127.0.0.1:0", "", "127.0.0.1:"},
		{"ws:127.0.0.1:0?origin=https://app.example.com", "", "127.0.0.1:"},
		{"tcp:127.0.0.1:0?proxy_protocol=10.0.0.0/8", "", "127.0.0.1:"},
		{"udp:0.0.0.0:0", "", ":"},
		{"udp:[::1]:0", "", "[::1]:"},
		{"udp:[::]:0", "2001:db8::1", "[2001:db8::1]:"},
		{"udp:127.0.0.1:0", "sip.example.net", "sip.example.net:"},
		{"udp:127.0.0.1:0", "sip.example.net:6060", "sip.example.net:6060"},
	} {
		t.Run(row.text+"="+row.advertised, func(t *testing.T) {
			l, err := eng.AddListener(row.text, row.advertised)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(l.SentBy, row.sentBy) || l.Addr.Port() == 0 {
				t.Errorf("%s at %s", l.SentBy, l.Addr)
			}
			if !eng.IsLocal(l.Host, l.Port) {
				t.Error("it is not local")
			}
			if _, err := eng.RemoveListener(l.Kind.String()+":"+l.Addr.String(), 0); err != nil {
				t.Fatal(err)
			}
			if eng.IsLocal(l.Host, l.Port) {
				t.Error("it is local after its removal")
			}
		})
	}
}

func TestListenerErrors(t *testing.T) {
	eng := throughHere(t, newLine(t, "127.0.0.1"), "udp:127.0.0.1:0")
	there := eng.Locals()[0]
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, row := range []struct{ name, add, advertised, remove, want string }{
		{name: "unknown protocol", add: "sctp:127.0.0.1:5060", want: "udp, tcp, tls, ws or wss"},
		{name: "no address", add: "udp:example.com:5060", want: "write an IP address and a port"},
		{name: "there already", add: there.Kind.String() + ":" + there.Addr.String(), want: "is there already"},
		{name: "taken", add: "tcp:" + other.Addr().String(), want: "is another server running?"},
		{name: "nobody's address", add: "udp:192.0.2.77:5060", want: "no interface of this machine has the address"},
		{name: "no certificate", add: "tls:127.0.0.1:0", want: "--tls-cert"},
		{name: "bad advertised", add: "udp:127.0.0.1:0", advertised: "a b", want: "expected HOST or HOST:PORT"},
		{name: "not there", remove: "udp:127.0.0.1:1", want: "there are udp:" + there.Addr.String()},
		{name: "the last", remove: there.Name, want: "add another one first"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := error(nil)
			if row.add != "" {
				_, err = eng.AddListener(row.add, row.advertised)
			} else {
				_, err = eng.RemoveListener(row.remove, 0)
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

// Listeners come and go while requests pass by others: none is lost.
func TestListenersChangeUnderLoad(t *testing.T) {
	t.Parallel()
	eng := throughHere(t, newLine(t, "127.0.0.1"), "udp:127.0.0.1:0", "udp:[::1]:0")
	var callers sync.WaitGroup
	for i := range 4 {
		caller := newLine(t, [...]string{"127.0.0.1", "::1"}[i%2])
		at := eng.Locals()[i%2].Addr
		callers.Go(func() {
			for n := range 60 {
				caller.say(at, "OPTIONS", "sip:example.com", fmt.Sprintf("%d-%d", i, n), "<sip:example.com>", "")
				caller.read("200")
			}
		})
	}
	for n := range 20 {
		l := addListener(t, eng, [...]string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0"}[n%3])
		if l.Kind == transport.UDP && l.Addr.Addr().Is4() {
			c := newLine(t, "127.0.0.1")
			c.say(l.Addr, "OPTIONS", "sip:example.com", fmt.Sprintf("n%d", n), "<sip:example.com>", "")
			c.read("200")
		}
		if _, err := eng.RemoveListener(l.Kind.String()+":"+l.Addr.String(), 0); err != nil {
			t.Fatal(err)
		}
		_ = eng.Stats()
	}
	callers.Wait()
}

// A client behind a NAT that was reached from a listener which has left is reached from another.
func TestReachedFromAnotherListener(t *testing.T) {
	eng := throughHere(t, newLine(t, "127.0.0.1"), "udp:127.0.0.1:0")
	stays, goes := eng.Locals()[0], addListener(t, eng, "udp:127.0.0.1:0")
	target := &engine.Target{URI: "sip:a@10.1.1.1", Received: "udp:127.0.0.1:5999", FromSocket: goes.Name}
	target.FromSocket = "udp:127.0.0.1:1" // one that has left
	if p, ok := eng.ReachedAt(target); !ok || p.Local != stays {
		t.Errorf("%v %v", p.Local, ok)
	}
}

// A binding whose listener has left is called from another one; a target that demands it is not.
func TestCallsFromAnotherListener(t *testing.T) {
	caller, phone := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	var target atomic.Pointer[engine.Target] // a datagram orders nothing for the race detector
	eng := onSockets(t, time.Millisecond, engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Log: slog.New(slog.DiscardHandler),
		Router: routerFunc(func(r *engine.Request) error {
			_, err := r.Relay([]*engine.Target{target.Load()}, nil)
			return err
		})})
	for _, row := range []struct {
		name   string
		target engine.Target
		came   bool
	}{
		{"a client behind a NAT", engine.Target{URI: "sip:b@10.1.1.1", Received: "udp:" + phone.LocalAddr().String(), FromSocket: "udp:127.0.0.1:1"}, true},
		{"a gateway", engine.Target{URI: "sip:b@" + phone.LocalAddr().String(), FromSocket: "udp:127.0.0.1:1"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			target.Store(&row.target)
			caller.say(eng.Locals()[0].Addr, "MESSAGE", "sip:b@example.com", strings.ReplaceAll(row.name, " ", ""), "<sip:b@example.com>", "")
			if row.came {
				phone.read("MESSAGE")
			} else {
				caller.read("5")
			}
		})
	}
}

// Of listeners with one name, which port 0 makes possible, those that serve are removed one after
// the other: only then is a name that of one which leaves.
func TestRemoveByOneName(t *testing.T) {
	eng := throughHere(t, newLine(t, "127.0.0.1"), "udp:[::1]:0")
	for range 2 {
		addListener(t, eng, "udp:127.0.0.1:0")
	}
	for _, left := range []int{2, 1, 1} {
		t.Run(fmt.Sprint("of ", len(eng.Locals())), func(t *testing.T) {
			if _, err := eng.RemoveListener("udp:127.0.0.1:0", time.Hour); err != nil || len(eng.Locals()) != left {
				t.Errorf("%d are left: %v", len(eng.Locals()), err)
			}
		})
	}
	if n := len(eng.Leaving()); n != 2 {
		t.Errorf("%d leave", n)
	}
}
