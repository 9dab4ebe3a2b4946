package transaction

// The non-INVITE client transaction: §17.1.2, Figure 6.
var nonInviteClient = machine{
	start: {
		evRequest: {Trying, doSend | doKeep, timerE, timerF},
	},
	Trying: {
		evTimerE: {Trying, doSendAgain, timerE, none},
		evTimerF: {Terminated, doFail | doCount | doStop, none, none},
		evError:  {Terminated, doFail | doStop, none, none},
		ev1xx:    {Proceeding, doPass, none, none},
		ev2xx:    {Completed, doPass | doStop | doDrop, none, timerK},
		ev3xx:    {Completed, doPass | doStop | doDrop, none, timerK},
	},
	Proceeding: { // Timer E continues, at T2 (§17.1.2.2)
		evTimerE: {Proceeding, doSendAgain, timerE, none},
		evTimerF: {Terminated, doFail | doCount | doStop, none, none},
		evError:  {Terminated, doFail | doStop, none, none},
		ev1xx:    {Proceeding, doPass, none, none},
		ev2xx:    {Completed, doPass | doStop | doDrop, none, timerK},
		ev3xx:    {Completed, doPass | doStop | doDrop, none, timerK},
	},
	Completed: {
		ev2xx:    {Completed, 0, none, none},
		ev3xx:    {Completed, 0, none, none},
		evTimerK: {Terminated, doStop, none, none},
	},
}
