package transaction

// The vocabulary of the four state machines: states, events, and the actions of a step. The tables
// are in invite_client.go, invite_server.go, noninvite_client.go and noninvite_server.go; they do
// not know about transports, clocks or messages.

// State of a transaction, of any of the four machines (Figures 5–8, RFC 6026 §7).
type State uint8

const (
	// start is the state of a machine before its first event.
	start   State = iota
	Calling       // INVITE client
	Trying        // non-INVITE
	Proceeding
	Completed
	Confirmed // INVITE server
	Accepted  // INVITE, a 2xx was seen (RFC 6026)
	Terminated

	stateCount
)

var stateNames = [stateCount]string{"", "Calling", "Trying", "Proceeding", "Completed", "Confirmed", "Accepted", "Terminated"}

// String is the state's name as the RFC writes it.
func (s State) String() string { return stateNames[s] }

// event is what happens to a machine. On the client side a response event is a received one, on the
// server side one that the user wants to send.
type event uint8

const (
	evRequest event = iota // client: the user sends it; server: it came in, the first time or again
	evAck
	ev1xx
	ev2xx
	ev3xx         // 300–699
	ev408         // a 408 that the user wants to send; separate because of RFC 4320
	evCancel      // the user cancels (§9.1)
	evError       // the transport failed
	evTimer       // + a timer: it ran out
	evTimerA      = evTimer + event(timerA)
	evTimerB      = evTimer + event(timerB)
	evTimerD      = evTimer + event(timerD)
	evTimerE      = evTimer + event(timerE)
	evTimerF      = evTimer + event(timerF)
	evTimerG      = evTimer + event(timerG)
	evTimerH      = evTimer + event(timerH)
	evTimerI      = evTimer + event(timerI)
	evTimerJ      = evTimer + event(timerJ)
	evTimerK      = evTimer + event(timerK)
	evTimerL      = evTimer + event(timerL)
	evTimerM      = evTimer + event(timerM)
	evTimerTrying = evTimer + event(timerTrying)
	eventCount    = evTimer + event(timerCount)
)

// action is a set of things to do in one step.
type action uint16

const (
	// The request (client) or the response (server) of this event goes to the wire
	doSend      action = 1 << iota
	doKeep             // … and its bytes are kept for doSendAgain
	doSendAgain        // send what was kept again
	// The ACK of a non-2xx is made, sent and kept in the INVITE's place (§17.1.1.3)
	doAck
	doSendCancel // send the CANCEL, in a transaction of its own (§9.1)
	doTrying     // a 100 is made, sent and kept
	doPass       // the message is the user's
	// Tell the user that the transaction failed: a timeout, or the transport's error
	doFail
	doStop     // timers of the state that is left stop
	doDrop     // kept bytes are let go
	doCount    // counted as a time-out
	doAwait1xx // the CANCEL waits for a provisional
)

// timer names one of the timers of §17 (Table 4, RFC 6026 §7.2).
type timer uint8

const (
	none timer = iota
	timerA
	timerB
	timerD
	timerE
	timerF
	timerG
	timerH
	timerI
	timerJ
	timerK
	timerL
	timerM
	// 200 ms (INVITE, §17.2.1), or when Timer E of the client reached T2 (RFC 4320 §4.1)
	timerTrying

	timerCount
)

// transition is the result of a step: the next state, the actions, and which timers start. next 0
// means that the event has no meaning in the state: nothing happens.
type transition struct {
	next State
	do   action
	// A timer of retransmission: A, E, G. Each time it is started in a row its interval doubles.
	again timer
	end   timer // a timer that bounds the state
}

// machine is one of the four tables.
type machine [stateCount][eventCount]transition

// step is the machine: what event e does in state s.
func (m *machine) step(s State, e event) transition { return m[s][e] }
