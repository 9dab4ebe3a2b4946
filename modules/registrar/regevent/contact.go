package regevent

// This file is what a notifier needs from a registrar.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// Registrations are the contacts of users, by address-of-record in canonical form. Its methods are
// safe for concurrent use.
type Registrations interface {
	// Contacts are those registered for aor that have not expired at now, a time of day. They are
	// not changed afterwards. An error: the store is unavailable.
	Contacts(ctx context.Context, aor string, now time.Time) ([]Contact, error)
	// Waits reports whether Contacts may block. The answer never changes.
	Waits() bool
}

// Contact is one contact of a user.
type Contact struct {
	URI     string         // as it was registered
	Display string         // "" for none
	Params  message.Params // its header parameters
	CallID  string         // of the REGISTER that made or refreshed it
	CSeq    uint32         // of that REGISTER
	Expires time.Time      // when it ends; the document has the seconds left (RFC 3680 §5.3)
	Updated time.Time      // when that REGISTER came
	// PubGRUU and TempGRUU are its GRUUs (RFC 5627), "" for none. The temporary one may differ at
	// each look: that is not a change.
	PubGRUU, TempGRUU string
}

// Event is what happened to a contact (RFC 3680 §4.6.2). The zero value leaves it to the notifier,
// which compares.
type Event string

const (
	Registered   Event = "registered"   // by a REGISTER
	Created      Event = "created"      // by other means
	Refreshed    Event = "refreshed"    // by a REGISTER
	Shortened    Event = "shortened"    // by the registrar
	Expired      Event = "expired"      // not refreshed in time
	Deactivated  Event = "deactivated"  // by an administrator: the UA should register again
	Probation    Event = "probation"    // by an administrator: the UA should register again, later
	Unregistered Event = "unregistered" // by a REGISTER
	Rejected     Event = "rejected"     // by an administrator: the UA should not register again
)

// Key identifies a contact from one look to the next: a UA may register one URI over several flows
// (RFC 5626 §4.2). For a contact without an instance it is the URI.
func (c *Contact) Key() string {
	instance, _ := c.Params.Get("+sip.instance")
	flow, _ := c.Params.Get("reg-id")
	if len(instance) == 0 && len(flow) == 0 {
		return c.URI
	}
	return c.URI + "\x00" + string(instance) + "\x00" + string(flow)
}

// same reports whether nothing was changed from c to d.
func (c *Contact) same(d *Contact) bool {
	return c.CallID == d.CallID && c.CSeq == d.CSeq && c.Updated.Equal(d.Updated) && c.Expires.Equal(d.Expires) && c.Display == d.Display &&
		bytes.Equal(c.Params, d.Params)
}

// identify makes the id of a contact or, with key "", of a registration: the same in all documents,
// of all processes.
func identify(aor, key string) string {
	sum := sha256.Sum256([]byte(aor + "\x00" + key))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
