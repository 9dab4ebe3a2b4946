// Package calls is how a module that follows calls tells others of them: those that light lamps.
package calls

// States of a call as one party has it (RFC 4235 §3.7.1).
const (
	Trying     = "trying"     // the caller's INVITE is on its way
	Early      = "early"      // it rings
	Confirmed  = "confirmed"  // it was answered
	Terminated = "terminated" // it is over
)

// Event is what became of a call as one user's phone knows it: the caller's, or one that is called.
type Event struct {
	ID  string // names that phone's dialog, in all its events
	AOR string // the user, as a canonical address of a local domain (engine.Engine.AppendAddress)
	// CallID and the tags are those of that phone's own messages; a tag that is not there yet is
	// ""
	CallID, Local, Remote string
	Outgoing              bool // the user is the caller
	State                 string
	// Why it is over, as RFC 4235 §3.7.1 has it: "cancelled", "rejected", "replaced", "local-bye",
	// "remote-bye", "error", "timeout"; "" where nobody knows
	Cause string
	Code  int // of the response that ended it, 0 for none
	// The two identities, URIs as that phone's own messages have them, and the other's display name
	Near, Far, FarName string
}

// Source tells of calls.
type Source interface {
	// FollowCalls calls f for each change of a call with a local user, from the next on, until stop
	// is called. f is called on lanes, must not block, and keeps no more than the texts.
	FollowCalls(f func(*Event)) (stop func())
}
