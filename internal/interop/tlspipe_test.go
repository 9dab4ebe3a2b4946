package interop

// TLS for sipp: Debian's is built without it. What it says and hears over TCP goes through a pipe
// that encrypts, and its messages name TLS and the pipe's address.

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// serverPipe takes TLS and passes it to the TCP port that to is.
func serverPipe(t *testing.T, conf *tls.Config, to string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return pipe(t, tls.NewListener(l, conf), func() (net.Conn, error) { return net.Dial("tcp", to) })
}

// clientPipe takes TCP and passes it to the TLS server that to is.
func clientPipe(t *testing.T, conf *tls.Config, to string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return pipe(t, l, func() (net.Conn, error) { return tls.Dial("tcp", to, conf) })
}

// pipe joins each connection that comes in to one that dial makes, until the test ends.
func pipe(t *testing.T, l net.Listener, dial func() (net.Conn, error)) (addr string) {
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // these end with either connection
				out, err := dial()
				if err != nil { // sipp's failures show it; the test may be over by now
					in.Close()
					return
				}
				go func() { _, _ = io.Copy(out, in); out.Close() }()
				_, _ = io.Copy(in, out)
				in.Close()
			}()
		}
	}()
	return l.Addr().String()
}
