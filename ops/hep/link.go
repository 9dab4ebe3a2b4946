package hep

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// CheckTo refuses what is no address of a capture server: udp:HOST:PORT, tcp:HOST:PORT or
// tls:HOST:PORT.
func CheckTo(to string) error {
	_, _, err := split(to)
	return err
}

func split(to string) (network, addr string, err error) {
	network, addr, _ = strings.Cut(to, ":")
	host, port, err := net.SplitHostPort(addr)
	n, notNumber := strconv.ParseUint(port, 10, 16)
	switch network {
	case "udp", "tcp", "tls":
	default:
		err = errors.New("no transport")
	}
	if err != nil || host == "" || notNumber != nil || n == 0 {
		return "", "", errors.New("expected udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, such as udp:127.0.0.1:9060")
	}
	return network, addr, nil
}

const (
	dialTime   = 5 * time.Second
	writeTime  = 5 * time.Second
	firstRetry = time.Second
	mostRetry  = 30 * time.Second
	refusal    = time.Second // after which a datagram that nobody took would have been refused
)

// link is the way to a capture server. It is made when it is needed, and again after it broke, so a
// server may begin, and go on, while the capture server is away. One goroutine uses it.
type link struct {
	network, addr string
	tls           func() (*tls.Config, error)
	log           *slog.Logger
	patience      time.Duration // with one write over a stream

	conn  net.Conn
	gone  chan struct{} // closed when a stream's other side has ended it; nil of datagrams
	retry time.Time     // no attempt before
	wait  time.Duration // between the last attempt and that
	made  time.Time
	down  atomic.Bool // as was logged
}

// stream reports whether packets follow each other without bounds.
func (l *link) stream() bool { return l.network != "udp" }

// up makes the link if there is none, and reports whether there is one.
func (l *link) up(ctx context.Context) bool {
	if l.conn != nil {
		select {
		case <-l.gone:
			l.broke(errors.New("it has ended the connection"))
		default:
			return true
		}
	}
	if time.Now().Before(l.retry) {
		return false
	}
	conn, err := l.dial(ctx)
	if err != nil {
		l.broke(err)
		return false
	}
	l.conn, l.made = conn, time.Now()
	if l.stream() {
		l.gone = make(chan struct{})
		go watch(conn, l.gone) // ends with the connection
		l.there()
	}
	return true
}

// watch sees a connection end; a capture server says nothing.
func watch(conn net.Conn, gone chan struct{}) {
	_, _ = io.Copy(io.Discard, conn)
	close(gone)
}

func (l *link) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if l.network != "tls" {
		return new(net.Dialer).DialContext(ctx, l.network, l.addr)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.tls != nil {
		var err error
		if config, err = l.tls(); err != nil {
			return nil, err
		}
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", l.addr)
}

// write sends one packet, or several over a stream. After an error nothing of it counts as sent.
func (l *link) write(b []byte) error {
	if l.stream() {
		_ = l.conn.SetWriteDeadline(time.Now().Add(l.patience))
	}
	_, err := l.conn.Write(b)
	switch {
	case err == nil:
		if l.down.Load() && time.Since(l.made) > refusal {
			l.there()
		}
	case !l.stream() && (errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EMSGSIZE)):
		// This packet alone
	default:
		l.broke(err)
	}
	return err
}

// broke ends the link, and says so once until it is there again.
func (l *link) broke(err error) {
	l.close()
	l.wait = min(max(2*l.wait, firstRetry), mostRetry)
	l.retry = time.Now().Add(l.wait)
	if !l.down.Swap(true) {
		l.log.Warn("the capture server of --hep does not take messages; those that the ring still has by then are sent when it does", "server", l.name(), "error", err)
	}
}

func (l *link) there() {
	if l.down.Swap(false) {
		l.log.Info("the capture server of --hep takes messages again", "server", l.name())
	}
	l.wait = 0
}

func (l *link) name() string { return fmt.Sprintf("%s:%s", l.network, l.addr) }

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn, l.gone = nil, nil
	}
}
