package engine_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// A phone on a connection of a listener that leaves is called as before, until the drain ends: then
// it is cut, and the log says how many were.
func TestPhonesOfARemovedStreamListener(t *testing.T) {
	t.Parallel()
	var flow atomic.Uint64
	var log logged
	eng := onSockets(t, time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 2, MaxDelay: -1, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Router: routerFunc(func(r *engine.Request) error {
			if r.Method() == message.MethodRegister {
				flow.Store(uint64(r.Flow()))
				_, err := r.Reply(200, "", nil)
				return err
			}
			_, err := r.Relay([]*engine.Target{{URI: "sip:b@10.9.9.9;transport=tcp", Flow: transport.FlowID(flow.Load()), FlowOnly: true}}, nil)
			return err
		})})
	goes := eng.Locals()[1]
	conn, err := net.Dial("tcp", goes.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKr\r\nMax-Forwards: 70\r\nFrom: <sip:b@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr())
	in, buf := bufio.NewReader(conn), make([]byte, 65536)
	if b, err := readMessage(conn, in, buf); err != nil || !strings.HasPrefix(string(b), "SIP/2.0 200") {
		t.Fatalf("%s %v", b, err)
	}
	ended := make(chan error, 1)
	go func() { // the phone: it is busy
		for {
			b, err := readMessage(conn, in, buf)
			if err != nil {
				ended <- err
				return
			}
			if m := parse(t, string(b)); m.IsRequest() && m.Method() != message.MethodAck {
				_, _ = conn.Write(message.AppendResponse(nil, m, 486, "", "t", nil, nil))
			}
		}
	}()
	caller := newLine(t, "127.0.0.1")
	call := func(id string, want int) {
		t.Helper()
		if m := caller.ask(t, eng, "INVITE", id); m.Status() != want {
			t.Errorf("%s: %s", id, m.AppendTo(nil))
		}
	}
	name := "tcp:" + goes.Addr.String()
	call("before", 486)
	if _, err := eng.RemoveListener(name, time.Hour); err != nil {
		t.Fatal(err)
	}
	call("drains", 486)
	if strings.Contains(log.text(), "was removed") || eng.Connections(goes) != 1 {
		t.Errorf("%d connections: %s", eng.Connections(goes), log.text())
	}
	if _, err := eng.RemoveListener(name, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	await(t, "it is gone", func() bool { return len(eng.Leaving()) == 0 })
	call("after", 480)
	if want := "level=WARN msg=\"a listener was removed, and what was connected to it was cut\""; !strings.Contains(log.text(), want) || !strings.Contains(log.text(), " connections=1") {
		t.Errorf("no %s in %s", want, log.text())
	}
}
