package registrar

// This file makes the answers to a REGISTER.

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// refusal is an answer other than 200.
type refusal struct {
	code        int
	reason      string
	minExpires  time.Duration // 423
	unsupported []string      // 420
	cause       error
}

func refuse(code int, reason string) *refusal { return &refusal{code: code, reason: reason} }

// Error makes a refusal an error that an update may end with.
func (n *refusal) Error() string {
	reason := n.reason
	if reason == "" {
		reason = message.ReasonFor(n.code)
	}
	if n.cause != nil {
		return fmt.Sprintf("%d %s: %v", n.code, reason, n.cause)
	}
	return fmt.Sprintf("%d %s", n.code, reason)
}

func (n *refusal) Unwrap() error { return n.cause }

// failed is how an error of the store, or of a change to it, is answered; nil for nil.
func failed(err error) *refusal {
	var no *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &no):
		return no
	case errors.Is(err, ErrOutOfOrder):
		// §10.3 step 7 aborts the whole update; a failure to commit MUST be answered 500.
		return &refusal{code: 500, reason: "CSeq Out Of Order", cause: err}
	}
	return &refusal{code: 503, cause: err}
}

// retryAfter is when a client should try again if its registration could not be stored, in seconds.
const retryAfter = "10"

func (n *refusal) result(now time.Time) Result {
	res := Result{Code: n.code, Reason: n.reason, Err: fmt.Errorf("registrar: save: %w", n), Headers: []proxy.HeaderEdit{date(now)}}
	if n.minExpires > 0 {
		// §20.23; rounded up, so that the next request is granted.
		s := strconv.FormatInt(int64((n.minExpires+time.Second-1)/time.Second), 10)
		res.Headers = append(res.Headers, proxy.HeaderEdit{Name: "Min-Expires", Values: []string{s}})
	}
	if n.code == 503 { // §21.5.4: the client should try another server meanwhile
		res.Headers = append(res.Headers, proxy.HeaderEdit{Name: "Retry-After", Values: []string{retryAfter}})
	}
	if n.unsupported != nil {
		res.Headers = append(res.Headers, proxy.HeaderEdit{Name: "Unsupported", Values: n.unsupported})
	}
	return res
}

// accepted is the 200 of §10.3 step 8: it MUST list all bindings, each with an expires parameter,
// and SHOULD have a Date.
func (r *Registrar) accepted(g *registration) Result {
	m, p := g.message, g.policy
	headers := make([]proxy.HeaderEdit, 0, 6)
	if len(g.after) > 0 {
		at := g.now.UnixMilli()
		gruu := p.GRUU && supports(m, "gruu")
		values := make([]string, len(g.after))
		var room [512]byte
		for i, b := range g.after {
			value := b.appendContact(room[:0], at)
			if gruu {
				value = r.appendGRUUs(value, g.aor, b)
			}
			values[i] = string(value)
		}
		headers = append(headers, proxy.HeaderEdit{Name: "Contact", Values: values})
	}
	headers = append(headers, date(g.now))
	if p.UsePath && supports(m, "path") { // RFC 3327 §5.3: the Path is returned to the UA
		if path, err := readPath(m); err == nil && len(path) > 0 {
			headers = append(headers, proxy.HeaderEdit{Name: "Path", Values: path})
		}
	}
	if len(p.ServiceRoute) > 0 {
		headers = append(headers, proxy.HeaderEdit{Name: "Service-Route", Values: p.ServiceRoute})
	}
	return Result{Code: 200, Headers: g.flowHeaders(headers)}
}

// appendContact appends the binding as a Contact value with the seconds it has left.
func (b *Binding) appendContact(dst []byte, at int64) []byte {
	dst = append(dst, '<')
	dst = append(dst, b.Contact()...)
	dst = append(dst, '>')
	dst = b.appendParams(dst)
	dst = append(dst, ";expires="...)
	return strconv.AppendInt(dst, b.remaining(at), 10)
}

// date is the Date header (§20.17), by which UAs without a clock of their own learn the time.
func date(now time.Time) proxy.HeaderEdit {
	return proxy.HeaderEdit{Name: "Date", Values: []string{now.UTC().Format(http.TimeFormat)}}
}

// supports reports whether the sender lists an option tag in Supported (§20.37).
func supports(m *message.Message, tag string) bool {
	tags := m.Elements(message.HeaderSupported)
	for tags.Next() {
		if bytes.EqualFold(tags.Value, []byte(tag)) {
			return true
		}
	}
	return false
}
