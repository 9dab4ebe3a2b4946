package ng

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"
)

// mostTogether is how long a command may be that shares a connection with others: rtpengine
// (10.5.3) closes one when it has read more than that of a command, and not its end.
const mostTogether = 1024

// streams are the TCP connections to a daemon: one for short commands and what the daemon tells,
// others for long commands, one at a time each. In pieces, as a network may carry them, even these
// can be cut; then just the command fails.
type streams struct {
	*stream
	long *sockets
}

func dialStreams(ctx context.Context, host string, limit func() time.Duration, got func(b []byte), cut func(cookie []byte, err error)) (link, error) {
	connect := func(ctx context.Context) (wire, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", host)
		if err != nil {
			return nil, err
		}
		raw, err := newRawConn(c)
		if err != nil {
			return nil, err
		}
		return &stream{rawConn: raw}, nil
	}
	c, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &streams{c.(*stream), newSockets(connect, limit, got)}
	l.long.cut = cut
	return l, nil
}

func (l *streams) send(b []byte) error {
	if len(b) > mostTogether {
		return l.long.send(b)
	}
	return l.write(b)
}

func (l *streams) receive() ([]byte, error) { return l.read() }

func (l *streams) close() {
	l.long.close()
	_ = l.stream.close()
}

// stream is a TCP connection: a dictionary ends where it ends.
type stream struct {
	*rawConn
	buf  []byte
	used int // of buf, by the message that was returned last
}

func (s *stream) write(b []byte) error { return s.writeAll(b, dialTime) }

func (s *stream) read() ([]byte, error) {
	s.buf = s.buf[:copy(s.buf, s.buf[s.used:])]
	s.used = 0
	for {
		if n := len(s.buf) - len(bytes.TrimLeft(s.buf, "\r\n ")); n > 0 {
			s.buf = s.buf[:copy(s.buf, s.buf[n:])]
		}
		if i := bytes.IndexByte(s.buf, ' '); i >= 0 {
			rest, err := skipDict(s.buf[i+1:])
			switch {
			case err == nil:
				s.used = len(s.buf) - len(rest)
				return s.buf[:s.used], nil
			case !errors.Is(err, errShort):
				return nil, err
			}
		}
		if len(s.buf) > mostBytes {
			return nil, errMuch
		}
		s.buf = slices.Grow(s.buf, 4096)
		n, err := s.readSome(s.buf[len(s.buf):cap(s.buf)])
		if err == nil && n == 0 {
			err = io.EOF
		}
		if err != nil {
			return nil, err
		}
		s.buf = s.buf[:len(s.buf)+n]
	}
}

func (s *stream) close() error { return s.Close() }
