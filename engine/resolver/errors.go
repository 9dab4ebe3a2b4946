package resolver

// This file holds the errors of a resolution.

import (
	"errors"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/transport"
)

// The possible outcomes of a failed resolution; an error of Resolve is an [*Error] that wraps one
// of these.
var (
	// ErrNotFound: the name does not exist, or has no address. It is certain, and will stay so for
	// a while.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the domain says that it does not offer this service (RFC 2782, a target of
	// ".").
	ErrUnavailable = errors.New("service not available")
	// ErrFailed: the DNS servers gave no usable answer. A later try may succeed.
	ErrFailed = errors.New("DNS failed")
	// ErrTransport: the engine does not have the requested transport, or one that is secure enough.
	ErrTransport = errors.New("there is no listener for this transport")
	// ErrBusy: too many resolutions are in progress.
	ErrBusy = errors.New("too many lookups in progress")
	// ErrClosed: the resolver was closed.
	ErrClosed = errors.New("closed")
)

// Error says how a resolution failed.
type Error struct {
	Query string   // what was being resolved: "sip:example.com;transport=tcp"
	Trail []string // each question with its answer: "SRV _sip._tcp.example.com: NXDOMAIN"
	Err   error    // one of the errors of this package
}

// Error is one line.
func (e *Error) Error() string {
	s := "resolver: " + e.Query + ": " + e.Err.Error()
	if len(e.Trail) > 0 {
		s += " (" + strings.Join(e.Trail, "; ") + ")"
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// refuse is the error of a query for which nothing was asked; why may be empty. It keeps nothing of
// q.
func refuse(q *Query, why string, err error) error {
	e := &Error{Query: uriText(q.Host[:min(len(q.Host), maxName)], q.Port, q.Kind, q.Secure), Err: err}
	if why != "" {
		e.Trail = []string{why}
	}
	return e
}

// uriText is the URI that a query represents.
func uriText(host string, port uint16, kind transport.Kind, secure bool) string {
	s := "sip:" + host
	if secure {
		s = "sips:" + host
	}
	if port != 0 {
		s += ":" + strconv.Itoa(int(port))
	}
	if kind != 0 && kind <= transport.WSS {
		s += ";transport=" + kind.String()
	}
	return s
}
