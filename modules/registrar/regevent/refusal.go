package regevent

// This file makes the answers to a SUBSCRIBE that is not accepted.

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// refusal is an answer other than 200, and an error.
type refusal struct {
	code    int
	reason  string
	headers []engine.HeaderEdit
	cause   error
}

func refuse(code int, reason string, headers ...engine.HeaderEdit) *refusal {
	return &refusal{code: code, reason: reason, headers: headers}
}

// Error is the answer's code and reason, and what caused it.
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

func header(name, value string) engine.HeaderEdit {
	return engine.HeaderEdit{Name: name, Values: []string{value}}
}

func secondsHeader(name string, d time.Duration) engine.HeaderEdit {
	return header(name, strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}

// retryLater is for failures that may pass soon.
const retryLater = 5 * time.Second

func unavailable(reason string, cause error) *refusal {
	no := refuse(503, reason, secondsHeader("Retry-After", retryLater))
	no.cause = cause
	return no
}

// send answers req, with headers added.
func send(req *engine.Request, code int, reason string, own, headers []engine.HeaderEdit) error {
	sent, err := req.Reply(code, reason, &engine.ReplyOptions{Headers: append(own[:len(own):len(own)], headers...)})
	if err == nil && !sent {
		err = engine.ErrRequestOver
	}
	return err
}
