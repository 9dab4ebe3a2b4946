package messages

// What is kept, and where.

import (
	"context"
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Message is one that is kept.
type Message struct {
	ID  string `json:"-"`   // the store's
	AOR string `json:"aor"` // whose it is, in the canonical form, "sip:bob@example.com"

	From        string              `json:"from"`                   // with its tag
	To          string              `json:"to"`                     // without a tag
	CallID      string              `json:"call_id"`                // as it came
	CSeq        uint32              `json:"cseq"`                   // its number
	Headers     []engine.HeaderEdit `json:"headers,omitempty"`      // the others that are delivered
	ContentType string              `json:"content_type,omitempty"` // of the body
	Body        []byte              `json:"body,omitempty"`         // what it says

	Arrived time.Time `json:"arrived"` // when it was kept
	Expires time.Time `json:"expires"` // when it is not delivered any more
}

// size is what a message takes, in bytes.
func (m *Message) size() int {
	n := 256 + len(m.AOR) + len(m.From) + len(m.To) + len(m.CallID) + len(m.ContentType) + len(m.Body)
	for _, h := range m.Headers {
		n += 64 + len(h.Name)
		for _, v := range h.Values {
			n += 16 + len(v)
		}
	}
	return n
}

// ErrFull is the error of a store that keeps as many as it may, for the user or in all.
var ErrFull = errors.New("messages: there is no room for another one")

// Store keeps messages. It is safe for concurrent use. An error other than ErrFull means that it
// cannot serve at present.
type Store interface {
	// Waits reports whether calls may block. A lane must be lent for them.
	Waits() bool
	// May reports, without waiting, whether a user may have messages. It is asked at each REGISTER.
	May(aor string) bool
	// Put keeps a message, unless its user has most of them.
	Put(ctx context.Context, m *Message, most int) error
	// Pending are the user's messages, the oldest first, at most limit.
	Pending(ctx context.Context, aor string, limit int) ([]*Message, error)
	// Remove removes one. That there is none is not an error.
	Remove(ctx context.Context, m *Message) error
	// Users calls f with each user who has messages, until f returns false.
	Users(ctx context.Context, f func(aor string) bool) error
	// Overdue are messages whose time was over before now, at most limit. They stay until they are
	// removed.
	Overdue(ctx context.Context, now time.Time, limit int) ([]*Message, error)
	// Count is how many there are.
	Count(ctx context.Context) (int, error)
	// Claim makes this process the one that delivers to a user, for d from now on. ok is false if
	// another one does.
	Claim(ctx context.Context, aor string, d time.Duration) (ok bool, err error)
	// Release ends a claim of this process.
	Release(ctx context.Context, aor string) error
	Close() error
}
