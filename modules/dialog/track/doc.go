// Package track is the state of a call that passes a proxy: pure, without time of its own, locks or
// network. Whoever has a [Call] tells it what happened, with the moment, and learns what that makes
// of the call.
//
// A call is one passage of an INVITE: from the request to the end of all that it has begun. Its
// legs are the branches that were sent, in their order: those that failed, the voicemail that came
// after them, the one that answered. A branch on which several user agents answer, behind a proxy
// that forks, becomes several legs, told apart by their To tags. A call ends once:
//
//	early ──2xx──▶ confirmed ──the last leg ends──▶ ended
//	early ──failure, cancelled, hung up──▶ ended
package track

import (
	"encoding/hex"
	"errors"
)

// ID names a call: node and number. It travels in Record-Route.
type ID [12]byte

// String is the ID as scripts have it.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID is the opposite of String.
func ParseID(s string) (id ID, err error) {
	if len(s) != 2*len(id) {
		return id, errors.New("an id has 24 hexadecimal digits")
	}
	_, err = hex.Decode(id[:], []byte(s))
	return id, err
}

// MarshalText is String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// State is how far a call, or a leg, is.
type State uint8

// The states of calls and legs.
const (
	Early     State = iota // no 2xx yet
	Confirmed              // it was answered
	Ended                  // it is over
)

// String is the state as scripts have it.
func (s State) String() string { return [...]string{"early", "confirmed", "ended"}[s] }

// Who is one of those who can end a call.
type Who uint8

// Those who end calls.
const (
	Nobody Who = iota // nobody yet, or nobody knows: the other end was found gone
	Caller            // the one who sent the INVITE
	Callee            // the one who answered, or refused
	Server            // this server: hang_up, a limit of time, a script's answer
)

// String is "" for Nobody.
func (w Who) String() string { return [...]string{"", "caller", "callee", "server"}[w] }

// Causes of an end, beside those of a response that was made here (engine.Response.Cause).
const (
	CauseBye         = "bye"          // a party hung up
	CauseCancelled   = "cancelled"    // the caller did, before the answer
	CauseRejected    = "rejected"     // the answer was a failure, or the script gave it
	CauseGone        = "gone"         // a party does not know the dialog (481), or is silent
	CauseHungUp      = "hung up"      // hang_up
	CauseMaxDuration = "max_duration" // it lasted as long as it may
	CauseSession     = "session"      // nobody refreshed it (RFC 4028)
	CauseFlowLost    = "flow_lost"    // a party's connection was lost for too long
	CauseKeepalive   = "keepalive"    // a party did not answer pings
	CauseMedia       = "media"        // its media is gone
	CauseDropped     = "dropped"      // the script answered nothing
	CauseShutdown    = "shutdown"     // the server stopped before it was answered
	CauseTransferred = "transferred"  // one of its parties calls somebody else now
	CauseLost        = "lost"         // the node that had it is gone
)

// Change is what an event has made of a call.
type Change uint8

// What may have changed.
const (
	None     Change = iota
	Rang            // a leg is early: somebody rings
	Answered        // the first 2xx
	Over            // it has ended
)
