package control

// Why orders are refused, and connections end.

// Code is why an order was refused.
type Code string

// The codes.
const (
	BadMessage   Code = "bad-message"
	UnknownOrder Code = "unknown-order"
	BadOption    Code = "bad-option"
	HelloFirst   Code = "hello-first"
	NoSession    Code = "no-session"
	RefReused    Code = "ref-reused"
	MayNotAct    Code = "may-not-act"
	NoLeg        Code = "no-leg"
	Ended        Code = "ended"
	NotMaster    Code = "not-master"
	Owned        Code = "owned"
	Taken        Code = "id-taken"
	Busy         Code = "busy"
	BadState     Code = "state"
	NoSDP        Code = "no-sdp"
	OtherLane    Code = "other-lane"
	Full         Code = "full"
	Overload     Code = "overload"
	KeyTaken     Code = "key-taken"
	NotHere      Code = "not-here"
	Failed       Code = "failed"
)

// Described is a code, an event or a reason, with what it means.
type Described struct {
	Name string // as it is on the wire
	Doc  string // one sentence
}

// Codes are all codes, in the order of the checks.
func Codes() []Described {
	return []Described{
		{string(BadMessage), "The message is not a JSON object with an order and a ref."},
		{string(HelloFirst), "The first order of a connection is hello, and there is one."},
		{string(NoSession), "There is no such session, or it is another operator's: begin one, and take its snapshot."},
		{string(UnknownOrder), "There is no order of that name."},
		{string(NotHere), "The order is planned, and this server cannot carry it out."},
		{string(MayNotAct), "The token may read, and not act: nor may it have apps."},
		{string(BadOption), "An option is missing, unknown, or has a value that it cannot have."},
		{string(RefReused), "Another order had that ref."},
		{string(Full), "The session has as many orders, lists or legs as it may, or the server as many sessions or legs."},
		{string(Overload), "The server is overloaded: try again in a second."},
		{string(NoLeg), "There is no leg with that id."},
		{string(Ended), "The leg has ended."},
		{string(NotMaster), "Another session is the leg's master, or nobody is: see claim."},
		{string(Owned), "A script has the leg: it must hand it over."},
		{string(Taken), "A leg has the id that was chosen."},
		{string(KeyTaken), "Somebody waits with that key."},
		{string(Busy), "The leg is in a bridge, or a dial or bridge of it has not come back; or it was to come from another lane, and something is under way with its party for 5 s."},
		{string(BadState), "The leg is not in a state for that: it was answered already, or not yet."},
		{string(NoSDP), "A session description is wanted."},
		{string(OtherLane), "The two legs live on different lanes, and the other cannot come: it belongs to more than 64 legs, or a Go program follows it there."},
		{string(Failed), "It went wrong otherwise: about says how."},
	}
}

// Reasons why the server closes a connection, as the reason of the closing frame.
const (
	ReasonSlow     = "slow"
	ReasonReplaced = "replaced"
	ReasonSilent   = "silent"
	ReasonBye      = "bye"
	ReasonShutdown = "shutdown"
	ReasonGone     = "token gone"
	ReasonTooLong  = "too long"
	ReasonBinary   = "binary"
	ReasonNotUTF8  = "not UTF-8"
)

// Reasons are all of them, with their codes.
func Reasons() []Described {
	return []Described{
		{ReasonSlow, "4001: the client did not read for so long that what waits for it exceeds its bounds; the session is kept."},
		{ReasonReplaced, "4002: another connection has resumed the session."},
		{ReasonSilent, "4003: no hello came in 10 s, or no answer to a ping in 15 s."},
		{ReasonGone, "4004: the token was withdrawn."},
		{ReasonBye, "1000: the client has ended the session."},
		{ReasonShutdown, "1001: the server ends."},
		{ReasonTooLong, "1009: a message of the client had more than 65,536 bytes."},
		{ReasonBinary, "1003: a message of the client was not text."},
		{ReasonNotUTF8, "1007: a message of the client was not UTF-8."},
	}
}

// closing is the code of the closing frame for a reason.
func closing(reason string) int {
	switch reason {
	case ReasonSlow:
		return 4001
	case ReasonReplaced:
		return 4002
	case ReasonSilent:
		return 4003
	case ReasonGone:
		return 4004
	case ReasonShutdown:
		return 1001
	case ReasonTooLong:
		return 1009
	case ReasonBinary:
		return 1003
	case ReasonNotUTF8:
		return 1007
	}
	return 1000
}

// Events of the protocol that are not the module's. Those are streamed with their names: b2b.*.
func Events() []Described {
	return []Described{
		{"began", "A leg is there: somebody calls, or is dialled. It has leg."},
		{"handed_over", "The session is the master of leg from here on. It has leg, app, deadline in seconds, and on_lost."},
		{"left", "The session is no longer the master of leg, which has not ended. It has leg and why."},
		{"legs", "A piece of a snapshot. It has legs, a list."},
		{"transfer", "A transfer goes on: leg goes to somebody else. It has leg, state, which is dialling, ringing or failed, code, the SIP code of that, and to, the leg that is called, if there is one; b2b.moved comes when it is done."},
		{"synced", "The snapshot is complete. It has legs, their number, and left_out, how many more there are."},
		{"resync", "What the client has not heard is no longer kept: a snapshot follows. It has lost, the number of messages."},
		{"shutdown", "The server has begun to end: it takes no calls, and ends those there are after --drain-calls."},
	}
}
