package transaction

// The INVITE server transaction: §17.2.1, Figure 7, as changed by RFC 6026 §7.1 (Accepted and Timer
// L instead of the end at a 2xx; a transport error ends no state).
var inviteServer = machine{
	start: {
		evRequest: {Proceeding, doPass, none, timerTrying},
	},
	Proceeding: {
		evRequest:     {Proceeding, doSendAgain, none, none},
		evTimerTrying: {Proceeding, doTrying, none, none},
		ev1xx:         {Proceeding, doSend | doKeep | doStop, none, none},
		ev2xx:         {Accepted, doSend | doStop | doDrop, none, timerL},
		ev3xx:         {Completed, doSend | doKeep | doStop, timerG, timerH},
		ev408:         {Completed, doSend | doKeep | doStop, timerG, timerH},
		evError:       {Proceeding, 0, none, none},
	},
	Completed: {
		evRequest: {Completed, doSendAgain, none, none},
		evAck:     {Confirmed, doStop | doDrop, none, timerI},
		evTimerG:  {Completed, doSendAgain, timerG, none},
		evTimerH:  {Terminated, doStop | doCount, none, none},
		evError:   {Completed, 0, none, none},
	},
	Confirmed: {
		evRequest: {Confirmed, 0, none, none},
		evAck:     {Confirmed, 0, none, none},
		evTimerI:  {Terminated, doStop, none, none},
	},
	Accepted: {
		// absorbed: the 2xx is repeated by whoever made it
		evRequest: {Accepted, 0, none, none},
		// Of a 2xx, by a sender that gave it the INVITE's branch, or none
		evAck:    {Accepted, doPass, none, none},
		ev2xx:    {Accepted, doSend, none, none},
		evTimerL: {Terminated, doStop, none, none},
		evError:  {Accepted, 0, none, none},
	},
}
