package notifier

// This file makes the answers to a SUBSCRIBE that is not accepted.

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Refusal is an answer other than 2xx, and an error.
type Refusal struct {
	Code    int
	Reason  string // "": the code's own
	Headers []engine.HeaderEdit
	Cause   error
}

// Refuse makes a Refusal.
func Refuse(code int, reason string, headers ...engine.HeaderEdit) *Refusal {
	return &Refusal{Code: code, Reason: reason, Headers: headers}
}

// Error is the answer's code and reason, and what caused it.
func (n *Refusal) Error() string {
	reason := n.Reason
	if reason == "" {
		reason = message.ReasonFor(n.Code)
	}
	if n.Cause != nil {
		return fmt.Sprintf("%d %s: %v", n.Code, reason, n.Cause)
	}
	return fmt.Sprintf("%d %s", n.Code, reason)
}

func (n *Refusal) Unwrap() error { return n.Cause }

// Header is a header of an answer.
func Header(name string, values ...string) engine.HeaderEdit {
	return engine.HeaderEdit{Name: name, Values: values}
}

// Seconds is a header of whole seconds, rounded up.
func Seconds(name string, d time.Duration) engine.HeaderEdit {
	return Header(name, strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}

// retryLater is for failures that may pass soon.
const retryLater = 5 * time.Second

// Unavailable is a 503 for now.
func Unavailable(reason string, cause error) *Refusal {
	no := Refuse(503, reason, Seconds("Retry-After", retryLater))
	no.Cause = cause
	return no
}

// Reply answers req, with headers added to its own.
func Reply(req *engine.Request, code int, reason string, own, headers []engine.HeaderEdit) error {
	sent, err := req.Reply(code, reason, &engine.ReplyOptions{Headers: append(own[:len(own):len(own)], headers...)})
	if err == nil && !sent {
		err = engine.ErrRequestOver
	}
	return err
}
