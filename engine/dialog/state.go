package dialog

// The machine of a leg: which requests and answers RFC 3261 §13 to §15 want, and in which order.

// phase is how far the dialog is.
type phase uint8

const (
	ringing phase = iota // the peer's first INVITE has no final answer
	calling              // our first INVITE has none
	up                   // there was a 2xx
	over                 // its owner was told that it ended
)

// inbound is the peer's INVITE, the first or a later one.
type inbound uint8

const (
	inNone     inbound = iota
	inOpen             // it has no final answer
	inAccepted         // a 2xx was sent, whose ACK has not come
)

// outbound is our INVITE, the first or a later one.
type outbound uint8

const (
	outNone      outbound = iota
	outSent               // it has no final answer
	outCancelled          // and was cancelled
	outAccepted           // a 2xx has come, and was not acknowledged
)

// state is all that the machine knows.
type state struct {
	phase  phase
	in     inbound
	out    outbound
	bye    bool // is to be sent when the ACK has come, or will not come any more
	opened bool // there was a 2xx: the dialog is one that a BYE ends
}

// event is what happens to a leg.
type event uint8

const (
	evAnswer    event = iota // the owner accepts the peer's INVITE
	evRefuse                 // or refuses it
	evCancel                 // the peer cancels it
	evAcked                  // the ACK of our 2xx came
	evUnacked                // it did not, in 64*T1
	evInvited                // the peer sends an INVITE within the dialog
	evBye                    // or a BYE
	evOffer                  // the owner sends an INVITE within the dialog
	evWithdraw               // and cancels it
	evAccepted               // our INVITE was accepted
	evRefused                // or refused
	evLost                   // or answered as by one that knows no dialog (§12.2.1.2)
	evAck                    // the owner acknowledges the 2xx to it
	evHangUp                 // the owner ends the leg
	eventsCount = iota
)

// action is what follows, done in the order of the bits.
type action uint32

const (
	doAnswer     action = 1 << iota // send the 2xx, and repeat it
	doRefuse                        // send the final answer that the owner chose
	doTerminated                    // answer the peer's INVITE 487
	doStop                          // repeat the 2xx no more
	doPending                       // answer the new INVITE 491
	doLater                         // answer it 500 with Retry-After
	doGone                          // answer it 481
	doOpen                          // show it to the owner
	doOK                            // answer the BYE 200
	doInvite                        // send the INVITE
	doCancel                        // cancel it
	doAck                           // acknowledge its 2xx
	doTell                          // tell the owner what became of it
	doBye                           // send a BYE
	doEnd                           // tell the owner that the leg has ended
	doRefused                       // the owner may not do that now
)

// step is what an event does. An action is in the result only if the state allows it, so whoever
// carries them out need not ask.
func step(s state, e event) (state, action) {
	switch e {
	case evAnswer, evRefuse, evCancel, evAcked, evUnacked, evInvited:
		return stepIn(s, e)
	case evBye:
		return stepBye(s)
	case evHangUp:
		return stepHangUp(s)
	}
	return stepOut(s, e)
}

// stepIn is about INVITEs of the peer.
func stepIn(s state, e event) (state, action) {
	switch {
	case e == evInvited:
		return stepInvited(s)
	case s.in == inOpen && s.phase != over:
		return stepAnswer(s, e)
	case s.in == inAccepted && (e == evAcked || e == evUnacked):
		s.in = inNone
		return stepAcked(s, e)
	case e == evAnswer || e == evRefuse:
		return s, doRefused
	}
	return s, 0
}

// stepAnswer ends the wait of the peer's INVITE.
func stepAnswer(s state, e event) (state, action) {
	first := s.phase == ringing
	switch e {
	case evAnswer:
		s.phase, s.in, s.opened = up, inAccepted, true
		return s, doAnswer
	case evRefuse, evCancel:
		s.in = inNone
		do := doRefuse
		if e == evCancel { // §9.2
			do = doTerminated
		}
		if first {
			s.phase = over
			do |= doEnd
		} else if e == evCancel {
			do |= doTell
		}
		return s, do
	}
	return s, 0
}

// stepAcked is after the ACK of our 2xx, or in place of it.
func stepAcked(s state, e event) (state, action) {
	switch {
	case s.bye: // §15: not before the ACK
		s.bye = false
		return s, doStop | doBye
	case e == evAcked || s.phase == over:
		return s, doStop | doTell
	}
	s.phase = over // §13.3.1.4
	return s, doStop | doBye | doEnd
}

// stepInvited is for an INVITE of the peer within the dialog.
func stepInvited(s state) (state, action) {
	switch {
	case s.phase != up:
		return s, doGone
	case s.in == inOpen: // §14.2: 500
		return s, doLater
	case s.in == inAccepted || s.out != outNone: // §14.2, RFC 5407 §3.1.4: 491
		return s, doPending
	}
	s.in = inOpen
	return s, doOpen
}

// stepBye is for the peer's BYE (§15.1.2): what it has open of its own is answered 487.
func stepBye(s state) (state, action) {
	do := doOK
	switch s.in {
	case inOpen:
		do |= doTerminated
	case inAccepted:
		do |= doStop
	}
	s.in, s.bye = inNone, false
	if s.phase == over {
		return s, do
	}
	do |= doEnd
	if s.out == outSent {
		s.out = outCancelled
		do |= doCancel
	}
	if s.out == outAccepted {
		s.out = outNone
		do |= doAck
	}
	s.phase = over
	return s, do
}

// stepHangUp ends the leg as the owner wants.
func stepHangUp(s state) (state, action) {
	if s.phase == over {
		return s, 0
	}
	var do action = doEnd
	was := s.phase
	s.phase = over
	if s.out == outSent {
		s.out = outCancelled
		do |= doCancel
	}
	switch was {
	case ringing:
		s.in = inNone
		return s, do | doRefuse
	case calling:
		return s, do
	}
	if s.in == inOpen {
		s.in = inNone
		do |= doTerminated
	}
	if s.out == outAccepted { // §13.2.2.4: the ACK comes first
		s.out = outNone
		do |= doAck
	}
	if s.in == inAccepted {
		s.bye = true
		return s, do
	}
	return s, do | doBye
}

// stepOut is about INVITEs of ours.
func stepOut(s state, e event) (state, action) {
	switch e {
	case evOffer:
		if s.phase != up || s.in != inNone || s.out != outNone { // §14.1
			return s, doRefused
		}
		s.out = outSent
		return s, doInvite
	case evWithdraw:
		if s.out != outSent || s.phase != up {
			return s, 0
		}
		s.out = outCancelled
		return s, doCancel
	case evAck:
		if s.out != outAccepted {
			return s, doRefused
		}
		s.out = outNone
		return s, doAck
	}
	if s.out != outSent && s.out != outCancelled {
		return s, 0
	}
	return stepOutcome(s, e)
}

// stepOutcome is the final answer to our INVITE.
func stepOutcome(s state, e event) (state, action) {
	first := !s.opened
	s.out = outNone
	switch {
	case e == evAccepted && s.phase == over && first: // it crossed our CANCEL
		s.opened = true
		return s, doAck | doBye
	case e == evAccepted && s.phase == over:
		return s, doAck
	case e == evAccepted:
		s.phase, s.out, s.opened = up, outAccepted, true
		return s, doTell
	case s.phase == over:
		return s, 0
	case first:
		s.phase = over
		return s, doTell | doEnd
	case e == evLost:
		s.phase = over
		if s.in == inAccepted {
			s.bye = true
			return s, doTell | doEnd
		}
		return s, doTell | doBye | doEnd
	}
	return s, doTell
}

// done reports whether nothing is left to wait for.
func (s state) done() bool { return s.phase == over && s.in == inNone && s.out == outNone }
