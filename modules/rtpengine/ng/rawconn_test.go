package ng

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// tcpPair is both ends of a connection.
func tcpPair(t *testing.T) (ours *rawConn, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	if ours, err = newRawConn(c); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// What is more than the system takes at once is written all the same, and what others write does
// not come between.
func TestWriteAllInPieces(t *testing.T) {
	ours, theirs := tcpPair(t)
	const writers, size = 4, 4 << 20
	failed := make(chan error, writers)
	for i := range writers {
		go func() { failed <- ours.writeAll(bytes.Repeat([]byte{byte(i)}, size), 5*time.Minute) }()
	}
	got := make([]byte, writers*size)
	if _, err := io.ReadFull(theirs, got); err != nil {
		t.Fatal(err)
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	seen := map[byte]bool{}
	for i := range writers {
		one := got[i*size : (i+1)*size]
		if seen[one[0]] || !bytes.Equal(one, bytes.Repeat(one[:1], size)) {
			t.Errorf("piece %d is not what one of them has written", i)
		}
		seen[one[0]] = true
	}
}

// A write that can't go on ends with its limit, one that waits with the connection, and so does a
// read.
func TestWriteAllEnds(t *testing.T) {
	for _, row := range []struct {
		name  string
		limit time.Duration
		want  error
	}{{"the limit", 20 * time.Millisecond, os.ErrDeadlineExceeded}, {"closed", time.Hour, net.ErrClosed}} {
		t.Run(row.name, func(t *testing.T) {
			ours, _ := tcpPair(t)
			failed, read := make(chan error, 1), make(chan error, 1)
			go func() { failed <- ours.writeAll(make([]byte, 32<<20), row.limit) }()
			go func() { _, err := ours.readSome(make([]byte, 10)); read <- err }()
			if row.limit == time.Hour {
				_ = ours.Close()
			}
			if err := <-failed; !errors.Is(err, row.want) {
				t.Error(err)
			}
			_ = ours.Close()
			if err := <-read; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
