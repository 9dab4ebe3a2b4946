package transaction

// The non-INVITE server transaction: §17.2.2, Figure 8, as changed by RFC 4320 §4: a 408 is never
// sent, it only ends the transaction (§4.2); and a transaction without an answer when Timer E of
// the client reaches T2 answers 100 then (§4.1).
var nonInviteServer = machine{
	start: {
		evRequest: {Trying, doPass, none, timerTrying},
	},
	Trying: {
		evRequest:     {Trying, 0, none, none},
		evTimerTrying: {Proceeding, doTrying, none, none},
		ev1xx:         {Proceeding, doSend | doKeep | doStop, none, none},
		ev2xx:         {Completed, doSend | doKeep | doStop, none, timerJ},
		ev3xx:         {Completed, doSend | doKeep | doStop, none, timerJ},
		ev408:         {Completed, doDrop | doStop, none, timerJ},
	},
	Proceeding: {
		evRequest: {Proceeding, doSendAgain, none, none},
		ev1xx:     {Proceeding, doSend | doKeep, none, none},
		ev2xx:     {Completed, doSend | doKeep | doStop, none, timerJ},
		ev3xx:     {Completed, doSend | doKeep | doStop, none, timerJ},
		ev408:     {Completed, doDrop | doStop, none, timerJ},
		evError:   {Terminated, doStop, none, none},
	},
	Completed: {
		evRequest: {Completed, doSendAgain, none, none},
		evTimerJ:  {Terminated, doStop, none, none},
		evError:   {Terminated, doStop, none, none},
	},
}
