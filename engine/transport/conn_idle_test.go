package transport

import (
	"net"
	"testing"
	"time"
)

// streamClient is a stack with one listener, and a client that is connected to it; say writes a
// message as its kind frames it.
func streamClient(t *testing.T, r Receiver, o Options, kind string) (s *Stack, c net.Conn, say func(string)) {
	t.Helper()
	if kind == "tls" {
		a := newAuthority(t)
		tls := a.options(a.issue("server.example"))
		o.TLS = tls.TLS
		s = serve(t, r, o, "tls:127.0.0.1:0")
		c = mustDialTLS(t, s.Locals()[0].Addr, a.client("server.example"))
	} else {
		s = serve(t, r, o, kind+":127.0.0.1:0")
		c = dial(t, s.Locals()[0].Addr)
	}
	if kind == "ws" {
		w := wsUpgrade(t, c)
		return s, w, func(text string) { write(t, w, clientFrame(0x81, text)) }
	}
	return s, c, func(text string) { write(t, c, text) }
}

// A flow that its client does not keep alive is closed, whatever is sent to it meanwhile.
func TestKeepFlow(t *testing.T) {
	for _, kind := range []string{"tcp", "tls", "ws"} {
		t.Run(kind, func(t *testing.T) {
			r := newRecorder(nil)
			s, c, say := streamClient(t, r, Options{}, kind)
			say(request(1, 0))
			id := await(t, r.msgs).Flow
			s.SetFlowIdleTimeout(id, time.Hour)
			s.SetFlowIdleTimeout(id, 200*time.Millisecond) // the reader waits already, for longer
			stop, stopped := make(chan struct{}), make(chan int)
			go func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						stopped <- n
						return
					case <-time.After(5 * time.Millisecond):
						_ = s.Send(&Peer{Kind: s.Locals()[0].Kind, Flow: id, FlowOnly: true}, []byte(request(2, 0)), nil)
					}
				}
			}()
			closedByPeer(t, c)
			close(stop)
			if n := <-stopped; n == 0 {
				t.Error("nothing was sent meanwhile")
			}
			if got := await(t, r.closed); got != id || s.FlowOpen(id) {
				t.Errorf("flow %d closed, was %d", got, id)
			}
		})
	}
}

// Messages, CRLFs, answered with CRLF where there are two, and pings of WebSocket are signs of
// life; what we send is none.
func TestWhatKeepsAFlow(t *testing.T) {
	r := acceptor()
	s, c, say := streamClient(t, r, Options{}, "tcp")
	say(request(1, 0))
	id := await(t, r.msgs).Flow
	of := s.flows.get(id)
	s.SetFlowIdleTimeout(id, time.Hour)
	due := func() time.Duration { at, _ := of.idleDue(); return at }
	before := due()
	say("\r\n\r\n")
	if b := make([]byte, 2); mustRead(t, c, b) != "\r\n" {
		t.Errorf("answered %q", b)
	}
	if due() <= before {
		t.Error("a keep-alive was not taken for a sign of life")
	}
	before = due()
	if err := s.Send(&Peer{Kind: TCP, Flow: id, FlowOnly: true}, []byte(request(2, 0)), nil); err != nil {
		t.Fatal(err)
	}
	if due() != before {
		t.Error("what was sent was a sign of life")
	}
	s.SetFlowIdleTimeout(id, 0)
	if due() > 7*time.Minute {
		t.Errorf("without a limit of its own: %v", due())
	}
	s.Need(id)
	if due() < 64*time.Minute {
		t.Errorf("needed: %v", due())
	}
	s.Need(id + 1)                          // nobody's
	s.SetFlowIdleTimeout(id+1, time.Second) // nobody's

	s, c, say = streamClient(t, r, Options{}, "ws")
	w := c.(*wsClient)
	say(request(1, 0))
	id = await(t, r.msgs).Flow
	of = s.flows.get(id)
	s.SetFlowIdleTimeout(id, time.Hour)
	before = due()
	write(t, w, clientFrame(0x89, "x"))
	w.expect(0x8a, "x")
	if due() <= before {
		t.Error("a ping was not taken for a sign of life")
	}
}

func mustRead(t *testing.T, c net.Conn, b []byte) string {
	t.Helper()
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// acceptor is a recorder to whom every message is valid.
func acceptor() *recorder {
	r := newRecorder(nil)
	r.handle = func(_ *Stack, in *Inbound) { in.Accept(); r.msgs <- keep(in, nil) }
	return r
}

// Who connects and says nothing makes room soon, who only keeps alive later; who has something to
// say may stay.
func TestConnectionsWithoutAMessage(t *testing.T) {
	soon, long := 40*time.Millisecond, time.Hour
	for name, tt := range map[string]struct {
		o    Options
		kind string
		say  string
	}{
		"silent":                {Options{FirstMessageTimeout: soon, KeepAliveTimeout: long}, "tcp", ""},
		"silent over TLS":       {Options{FirstMessageTimeout: soon, KeepAliveTimeout: long}, "tls", ""},
		"silent WebSocket":      {Options{FirstMessageTimeout: soon, KeepAliveTimeout: long}, "ws", ""},
		"line ends":             {Options{FirstMessageTimeout: soon, KeepAliveTimeout: long}, "tcp", "\r\n"},
		"no message SIP allows": {Options{FirstMessageTimeout: soon, KeepAliveTimeout: long}, "tcp", request(2, 0)},
		"keep-alives":           {Options{FirstMessageTimeout: long, KeepAliveTimeout: soon}, "tcp", "\r\n\r\n"},
		"keep-alives over WS":   {Options{FirstMessageTimeout: long, KeepAliveTimeout: soon}, "ws", "\r\n\r\n"},
		"a visitor":             {Options{VisitorTimeout: soon}, "tcp", request(1, 0)},
		"a visitor over WS":     {Options{VisitorTimeout: soon}, "ws", request(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(nil)
			if tt.o.VisitorTimeout > 0 {
				r = acceptor()
			}
			_, c, say := streamClient(t, r, tt.o, tt.kind)
			if tt.say != "" {
				say(tt.say)
			}
			closedByPeer(t, c)
		})
	}
	r := acceptor()
	s, _, say := streamClient(t, r, Options{FirstMessageTimeout: time.Minute}, "tcp")
	of := func() time.Duration { at, _ := s.flows.all()[0].idleDue(); return at }
	until(t, "accepted", func() bool { return len(s.flows.all()) == 1 })
	if of() > 2*time.Minute {
		t.Errorf("a connection that said nothing may stay for %v", of())
	}
	say(request(1, 0))
	await(t, r.msgs)
	if of() < 5*time.Minute || of() > 7*time.Minute {
		t.Errorf("a visitor may stay for %v", of())
	}
}
