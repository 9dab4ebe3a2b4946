package transaction

// The INVITE client transaction: §17.1.1, Figure 5, as changed by RFC 6026 §7.2 (Accepted and Timer
// M instead of the end at a 2xx) and with the CANCEL of §9.1.
//
//   - Timer B in Proceeding is the patience of §9.1: 64*T1 after the CANCEL was sent the INVITE
//     counts as cancelled. Without a CANCEL, Proceeding has no bound here: it is the proxy's Timer
//     C (§16.6 step 11).
//   - A 2xx in Completed is not in the figure. A callee that answers after an element on the way
//     gave up exists all the same, and a 2xx always wins (§16.7 step 5): it is passed.
//   - A transport error in Completed ends the transaction in silence: its user was told the outcome
//     before.
var inviteClient = machine{
	start: {
		evRequest: {Calling, doSend | doKeep, timerA, timerB},
	},
	Calling: {
		evTimerA: {Calling, doSendAgain, timerA, none},
		evTimerB: {Terminated, doFail | doCount | doStop, none, none},
		evError:  {Terminated, doFail | doStop, none, none},
		evCancel: {Calling, doAwait1xx, none, none}, // §9.1: no CANCEL before a provisional
		ev1xx:    {Proceeding, doPass | doStop, none, none},
		ev2xx:    {Accepted, doPass | doStop | doDrop, none, timerM},
		ev3xx:    {Completed, doAck | doPass | doStop, none, timerD},
	},
	Proceeding: {
		evTimerB: {Terminated, doFail | doCount | doStop, none, none},
		evCancel: {Proceeding, doSendCancel, none, timerB},
		ev1xx:    {Proceeding, doPass, none, none},
		ev2xx:    {Accepted, doPass | doStop | doDrop, none, timerM},
		ev3xx:    {Completed, doAck | doPass | doStop, none, timerD},
	},
	Completed: {
		ev2xx:    {Completed, doPass, none, none},
		ev3xx:    {Completed, doSendAgain, none, none}, // the ACK again, at once (§17.1.1.2)
		evError:  {Terminated, doStop, none, none},
		evTimerD: {Terminated, doStop, none, none},
	},
	Accepted: {
		ev2xx:    {Accepted, doPass, none, none},
		evTimerM: {Terminated, doStop, none, none},
	},
}
