package control

import "time"

// Bounds of what clients can use.
const (
	mostSessions = 64       // with those whose connection was lost
	mostMessage  = 64 << 10 // bytes of an order
	mostKept     = 4096     // messages of a session that wait, or can be heard again
	mostBytes    = 4 << 20  // and bytes of these
	mostOrders   = 256      // of a session that may be answered much later, and are not
	mostAnswers  = 512      // that a session remembers
	mostEnded    = 512      // legs of a session's that have ended, which it remembers
	mostInPiece  = 50       // legs in one message of a snapshot
	mostQueued   = 64       // orders of a connection that wait for a lane
	mostOthers   = 1 << 20  // bytes of others' legs in a snapshot: with its own below mostBytes
	mostList     = 3 << 18  // bytes of legs in a list: clients read a message of 1 MB
	mostURI      = 1 << 10  // bytes of Call-ID, From and To of a leg, each
	mostBrief    = 128      // and in a snapshot, or in a list
	mostID       = 256      // bytes of the id of a leg
	mostApps     = 16       // that a session serves
	mostDirect   = 16       // messages outside of a session that wait
	mostName     = 64       // bytes of a reference, of a name
)

// times of a connection.
type times struct {
	hello time.Duration // to say hello
	ping  time.Duration // from one ping to the next
	pong  time.Duration // to answer it
	write time.Duration // to take a message
	last  time.Duration // and to take the rest of one when the connection ends
}

func usualTimes() times {
	return times{hello: 10 * time.Second, ping: 15 * time.Second, pong: 15 * time.Second, write: 10 * time.Second, last: time.Second}
}

// limits are bounds that a test makes smaller.
type limits struct {
	legs   int64 // of which a session is the master
	listed int   // legs of others in a snapshot, or of all in a list
}

func usualLimits() limits { return limits{legs: 4000, listed: 2000} }
