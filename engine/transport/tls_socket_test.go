//go:build unix

package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"
)

// What the socket did not take goes before what comes later, also when there is room again
// meanwhile.
func TestTLSSocketKeepsTheOrder(t *testing.T) {
	addr, conns := peer(t)
	s := serve(t, newRecorder(nil), Options{}, "tcp:127.0.0.1:0")
	socket := s.newTLSSocket(dial(t, addr))
	if !socket.goLive() {
		t.Fatal("not live")
	}
	c := await(t, conns)
	defer c.Close()
	n := uint32(0)
	add := func() {
		t.Helper()
		var b bytes.Buffer
		for range 1000 {
			binary.Write(&b, binary.BigEndian, n)
			n++
		}
		if k, err := socket.Write(b.Bytes()); err != nil || k != b.Len() {
			t.Fatal(k, err)
		}
	}
	for !socket.holds() {
		add()
	}
	in := make([]byte, 4000)
	read := uint32(0)
	next := func() {
		t.Helper()
		if _, err := io.ReadFull(c, in); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(in); i += 4 {
			if got := binary.BigEndian.Uint32(in[i:]); got != read {
				t.Fatalf("%d came, %d is due", got, read)
			}
			read++
		}
	}
	for range 200 {
		next()
	}
	add()
	flushed := make(chan error, 1)
	go func() { flushed <- socket.flush() }() // ends when the peer has read enough
	for read < n {
		next()
	}
	if err := await(t, flushed); err != nil || socket.holds() {
		t.Error(err)
	}
	// There is an end to what it takes.
	var err error
	for err == nil {
		_, err = socket.Write(make([]byte, 16<<10))
		if len(socket.out) > maxSealed {
			t.Fatalf("%d bytes held", len(socket.out))
		}
	}
	if err != errFlooded {
		t.Error(err)
	}
}

// What crypto/tls says by itself to a socket that is full is written although nobody sends: the
// reader sees to it.
func TestTLSOwnRecordsAreFlushed(t *testing.T) {
	a := newAuthority(t)
	r := newRecorder(nil)
	s := serve(t, r, a.options(a.issue("b.example")), "tls:127.0.0.1:0")
	client := mustDialTLS(t, s.Locals()[0].Addr, a.client("b.example"))
	write(t, client, request(1, 0))
	c := s.flows.get(await(t, r.msgs).Flow)
	text, total := []byte(strings.Repeat("x", 16000)), 0
	for !c.sealed.holds() {
		n, err := c.tls.Write(text)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	write(t, client, request(2, 0))
	await(t, r.msgs)
	client.SetReadDeadline(time.Now().Add(patient))
	if n, err := io.CopyN(io.Discard, client, int64(total)); err != nil {
		t.Errorf("%d of %d bytes came: %v", n, total, err)
	}
}
