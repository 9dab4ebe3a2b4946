//go:build unix

package transport

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

func TestWSMessages(t *testing.T) {
	r := newRecorder(answer)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0", "ws:[::1]:0")
	for _, l := range s.Locals() {
		w := wsUpgrade(t, dial(t, l.Addr))
		for i, body := range []int{0, 5, 1500, 20000, 65000} {
			wsEchoes(t, w, i, body)
		}
		write(t, w, clientFrame(0x82, request(7, 10))) // binary
		w.expect(0x81, request(7, 10))
		// Not UTF-8: stays binary (RFC 7118 §5.2)
		write(t, w, clientFrame(0x82, request(8, 0)+"\xff"))
		w.expect(0x82, request(8, 0)+"\xff")
		write(t, w, clientFrame(0x81, "\r\n"+request(9, 0))) // RFC 3261 §7.5
		w.expect(0x81, request(9, 0))
	}
}

// A message needs no Content-Length (RFC 7118 §5.3): the frame is the message. Two in one segment,
// and cut anywhere.
func TestWSMessagesInManySegments(t *testing.T) {
	seq := newSequence(200)
	r := newRecorder(func(_ *Stack, in *Inbound) {
		n := number(string(in.Bytes))
		if string(in.Bytes) != strings.Replace(request(n, 40*n), "Content-Length", "X", 1) {
			t.Errorf("message %d is altered", n)
		}
		seq.add(n)
	})
	s := serve(t, r, Options{}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	var all strings.Builder
	for i := range 200 {
		all.WriteString(clientFrame(0x82, strings.Replace(request(i, 40*i), "Content-Length", "X", 1)))
	}
	text := all.String()
	for size := 1; len(text) > 0; size = size*7%4099 + 1 {
		n := min(size, len(text))
		write(t, w, text[:n])
		text = text[n:]
	}
	seq.check(t)
}

func TestTrap13FragmentsAndControlFramesBetween(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	text := request(1, 5000)
	for _, size := range []int{1, 10, 700, 5000} {
		first, rest := byte(0x01), text
		var all strings.Builder
		for i := 0; len(rest) > size; i++ {
			all.WriteString(clientFrame(first, rest[:size]))
			first, rest = 0, rest[size:]
			if i%300 == 0 {
				all.WriteString(clientFrame(0x89, "between")) // ping
				all.WriteString(clientFrame(0x8a, "pong nobody asked for"))
				all.WriteString(clientFrame(0x00, ""))
			}
		}
		all.WriteString(clientFrame(first|0x80, rest))
		all.WriteString(clientFrame(0x81, request(2, 0)))
		stream := all.String()
		go func() { // ends when all is taken
			for cut := 5; len(stream) > 0; cut = cut*7%1999 + 1 {
				n := min(cut, len(stream))
				io.WriteString(w, stream[:n])
				stream = stream[n:]
			}
		}()
		if got := await(t, r.msgs); got.text != text {
			t.Fatalf("fragments of %d: %d bytes, %.60q", size, len(got.text), got.text)
		}
		if got := await(t, r.msgs); got.text != request(2, 0) {
			t.Fatalf("behind fragments of %d: %.60q", size, got.text)
		}
	}
	w.expect(0x8a, "between")
}

func TestTrap13PingWithPayload(t *testing.T) {
	s := serve(t, newRecorder(answer), Options{}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	for _, payload := range []string{"", "are you there?", strings.Repeat("x", 125)} {
		write(t, w, clientFrame(0x89, payload))
		w.expect(0x8a, payload)
	}
	wsEchoes(t, w, 1, 10)
	// RFC 7118 §6, RFC 5626 §4.4.1: CRLFCRLF is answered with CRLF; a CRLF, and an empty message,
	// are skipped.
	write(t, w, clientFrame(0x81, "\r\n\r\n")+clientFrame(0x82, "\r\n")+clientFrame(0x81, ""))
	w.expect(0x81, "\r\n")
	wsEchoes(t, w, 2, 10)
	if n := s.Stats(WS).Keepalives; n != 4 {
		t.Errorf("%d keepalives", n)
	}
}

func TestWSViolationsCloseTheConnection(t *testing.T) {
	huge := "\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00\x01\x02\x03\x04"
	for name, tt := range map[string]struct {
		frames string
		status uint16
	}{
		"not masked":              {"\x81\x05hello", 1002},
		"compressed":              {clientFrame(0xc1, "x"), 1002},
		"unknown opcode":          {clientFrame(0x83, "x"), 1002},
		"unknown control":         {clientFrame(0x8b, "x"), 1002},
		"continuation of nothing": {clientFrame(0x80, "x"), 1002},
		"message within another":  {clientFrame(0x01, "x") + clientFrame(0x81, "y"), 1002},
		"fragmented ping":         {clientFrame(0x09, "x"), 1002},
		"long ping":               {clientFrame(0x89, strings.Repeat("x", 126)), 1002},
		"half a status":           {clientFrame(0x88, "x"), 1002},
		"status never sent":       {clientFrame(0x88, "\x03\xed"), 1002},
		"reason not UTF-8":        {clientFrame(0x88, "\x03\xe8\xff"), 1002},
		"text not UTF-8":          {clientFrame(0x81, "\xff\xfe"), 1007},
		"huge":                    {huge, 1009},
		"huge in fragments":       {clientFrame(0x01, strings.Repeat("x", 2000)) + clientFrame(0x00, strings.Repeat("x", 1001)), 1009},
		"negative length":         {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", 1009},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(nil)
			s := serve(t, r, Options{Limits: message.Limits{Message: 3000}}, "ws:127.0.0.1:0")
			w := dialWS(t, s)
			write(t, w, clientFrame(0x81, request(1, 0))+tt.frames)
			if got := await(t, r.msgs); number(got.text) != 1 {
				t.Errorf("%q", got.text)
			}
			var why *wsClosed
			if bad := await(t, r.bad); !errors.As(bad.err, &why) || why.status != tt.status {
				t.Errorf("%v", bad.err)
			}
			w.closed(tt.status)
			await(t, r.closed)
		})
	}
}

func TestWSCloseHandshake(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	// Nothing counts behind a close
	write(t, w, clientFrame(0x88, "\x03\xe8bye")+clientFrame(0x81, request(1, 0)))
	w.closed(1000)
	w = dialWS(t, s)
	write(t, w, clientFrame(0x88, ""))
	w.expect(0x88, "")
	closedByPeer(t, w)
	until(t, "closed", func() bool { return s.Stats(WS).Closed == 2 })
	if len(r.msgs)+len(r.bad) != 0 {
		t.Error("something was received")
	}
	w = dialWS(t, s) // the server goes
	until(t, "open", func() bool { return s.Stats(WS).Open == 1 })
	closeNow(s)
	w.closed(1001)
}

// A message that never ends is not waited for, nor an idle client.
func TestWSTimeouts(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{FrameTimeout: 50 * time.Millisecond}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	write(t, w, clientFrame(0x01, "")) // a first fragment, of no bytes
	w.closed(1001)
	w = dialWS(t, s)
	write(t, w, "\x81")
	w.closed(1001)
	s = serve(t, newRecorder(nil), Options{IdleTimeout: 50 * time.Millisecond}, "ws:127.0.0.1:0")
	dialWS(t, s).closed(1001)
}

func TestTrap13UpgradeRefused(t *testing.T) {
	s := serve(t, newRecorder(answer), Options{WS: WSOptions{Origins: []string{"https://phone.example"}}}, "ws:127.0.0.1:0")
	ok := upgradeRequest + "Origin: https://Phone.example\r\n\r\n"
	for name, tt := range map[string]struct {
		head   string
		status int
		header string
	}{
		"a page":            {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "Upgrade"},
		"old version":       {strings.Replace(ok, "Version: 13", "Version: 8", 1), 426, "Sec-Websocket-Version"},
		"no subprotocol":    {strings.Replace(ok, "Sec-WebSocket-Protocol: chat, sip\r\n", "", 1), 400, ""},
		"wrong subprotocol": {strings.Replace(ok, "chat, sip", "chat, sipx", 1), 400, ""},
		"no key":            {strings.Replace(ok, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), 400, ""},
		"short key":         {strings.Replace(ok, "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 1), 400, ""},
		"no host":           {strings.Replace(ok, "Host", "X", 1), 400, ""},
		"POST":              {strings.Replace(ok, "GET", "POST", 1), 405, "Allow"},
		"HTTP/1.0":          {strings.Replace(ok, "HTTP/1.1", "HTTP/1.0", 1), 505, ""},
		"SIP":               {request(1, 0), 400, ""},
		"bad header":        {strings.Replace(ok, "Host:", "Host", 1), 400, ""},
		"no request":        {"\r\n\r\n", 400, ""},
		"other origin":      {strings.Replace(ok, "Phone", "evil", 1), 403, ""},
		"too long":          {strings.Replace(ok, "/any", "/"+strings.Repeat("a", 20000), 1), 431, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.Locals()[0].Addr)
			w := &wsClient{t: t, Conn: c}
			head := tt.head
			if tt.status == 431 {
				// more, unread, would reset the connection and take the answer along
				head = head[:maxUpgrade]
			}
			write(t, c, head)
			b, err := io.ReadAll(w)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			res, err := http.ReadResponse(newReader(b), nil)
			if err != nil || res.StatusCode != tt.status || tt.header != "" && res.Header.Get(tt.header) == "" || !res.Close {
				t.Errorf("%s: %q, %v", name, b, err)
				return
			}
			if body, err := io.ReadAll(res.Body); err != nil || len(body) == 0 {
				t.Errorf("%s: body %q, %v", name, body, err)
			}
		})
	}
	w := &wsClient{t: t, Conn: dial(t, s.Locals()[0].Addr)}
	w.in = newReaderOf(w)
	write(t, w, ok+clientFrame(0x81, request(1, 0))) // a client that does not wait for the answer
	w.upgraded()
	w.expect(0x81, request(1, 0))
}

// A WebSocket client is reached on its own connection, by flow or by address, and never connected
// to.
func TestWSIsNeverDialled(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0")
	w := dialWS(t, s)
	write(t, w, clientFrame(0x81, request(1, 0)))
	flow := await(t, r.msgs).Flow
	for i, to := range []Peer{{Kind: WS, Flow: flow}, {Kind: WS, Addr: addrPortOf(w.LocalAddr())}} {
		if err := s.Send(&to, []byte(request(i, 0)), nil); err != nil {
			t.Fatal(err)
		}
		w.expect(0x81, request(i, 0))
	}
	w.Close()
	await(t, r.closed)
	addr, conns := peer(t)
	for _, to := range []Peer{{Kind: WS, Flow: flow, Addr: addr}, {Kind: WS, Addr: addr}, {Kind: WSS, Addr: addr}, {Kind: WSS, Addr: netip.AddrPort{}}} {
		if err := s.Send(&to, []byte(request(1, 0)), nil); !errors.Is(err, ErrFlowGone) || !strings.Contains(err.Error(), "WebSocket") {
			t.Errorf("%v", err)
		}
	}
	if len(conns) > 0 {
		t.Error("connected")
	}
}

func TestWSLentReaderGoesOn(t *testing.T) {
	for name, size := range map[string]func(int) int{
		"small": func(i int) int { return i % 50 }, "mixed": func(i int) int { return i * 37 % 9000 },
	} {
		t.Run(name, func(t *testing.T) {
			waits(t, 150, size, "ws", func(s *Stack, text string) {
				w := dialWS(t, s)
				var all strings.Builder
				for i := range 150 {
					m := request(i, size(i))
					all.WriteString(clientFrame(0x01, m[:9]) + clientFrame(0x89, "") + clientFrame(0x80, m[9:]))
				}
				go io.Copy(io.Discard, w.in) // both end with the connection
				go io.WriteString(w, all.String())
			})
		})
	}
}

// What goes by a flow leaves from its listener, and says so in Via, though another one is fit as
// well.
func TestChooseTheListenerOfTheFlow(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0", "ws:127.0.0.1:0")
	w := wsUpgrade(t, dial(t, s.Locals()[1].Addr))
	write(t, w, clientFrame(0x81, request(1, 0)))
	flow := await(t, r.msgs).Flow
	for _, to := range []Peer{{Kind: WS, Flow: flow, Addr: addrPortOf(w.LocalAddr())}, {Flow: flow}} {
		if l := s.Choose(&to); l != s.Locals()[1] {
			t.Errorf("%+v", l)
		}
	}
	if l := s.Choose(&Peer{Kind: WS, Flow: flow + 1, Addr: addrPortOf(w.LocalAddr())}); l != s.Locals()[0] {
		t.Errorf("of a flow that is gone: %+v", l)
	}
}
