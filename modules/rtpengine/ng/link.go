package ng

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"
)

// link is a way to one daemon: messages are a cookie, a space and a dictionary.
type link interface {
	// send's error is errBusy or ErrTimeout if just this message could not be sent; after another
	// one the way is dead.
	send(b []byte) error
	// receive waits for the next message. The bytes are valid until the next call.
	receive() ([]byte, error)
	close()
}

const dialTime = 2 * time.Second

// Check refuses a URI that names no daemon.
func Check(uri string) error {
	u, err := url.Parse(uri)
	if err != nil {
		return fmt.Errorf("%.80q is not a URI of an rtpengine; write udp:HOST:PORT, tcp:HOST:PORT or ws://HOST:PORT/ws", uri)
	}
	switch u.Scheme {
	case "udp", "tcp":
		host := u.Host
		if host == "" {
			host = u.Opaque // "udp:127.0.0.1:2223"
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			return fmt.Errorf("%q: write udp:HOST:PORT or tcp:HOST:PORT", uri)
		}
		return nil
	case "ws", "wss":
		if u.Host == "" {
			return fmt.Errorf("%q: write ws://HOST:PORT/ws", uri)
		}
		return nil
	}
	return fmt.Errorf("%q: an rtpengine is reached by udp:, tcp:, ws:// or wss://", uri)
}

// dial connects to a daemon; limit is how long a command may take. Messages that receive does not
// return are given to got, and the cookies of commands that broke a connection to cut.
func dial(ctx context.Context, uri string, limit func() time.Duration, got func(b []byte), cut func(cookie []byte, err error)) (link, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if u.Scheme == "ws" || u.Scheme == "wss" {
		return dialWebSockets(ctx, uri, limit, got)
	}
	host := u.Host
	if host == "" {
		host = u.Opaque
	}
	if u.Scheme == "tcp" {
		return dialStreams(ctx, host, limit, got, cut)
	}
	c, err := new(net.Dialer).DialContext(ctx, u.Scheme, host)
	if err != nil {
		return nil, err
	}
	raw, err := newRawConn(c)
	if err != nil {
		return nil, err
	}
	return &datagrams{raw, make([]byte, 65536)}, nil
}

// datagrams are a connected UDP socket, so that a closed port is an error at once.
type datagrams struct {
	*rawConn
	buf []byte
}

func (d *datagrams) send(b []byte) error { return d.writeOne(b) }

func (d *datagrams) receive() ([]byte, error) {
	n, err := d.readSome(d.buf)
	return d.buf[:max(n, 0)], err
}

func (d *datagrams) close() { _ = d.Close() }
