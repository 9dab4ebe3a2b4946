package dialog

// What two joined legs say to each other passes what relays their media. Until that has been, both
// count as negotiating.

// show has a description of one party become what the other is told, and then go on with it: at
// once where nothing relays their media, not at all if the bridge is over by then.
func (b *bridge) show(from *Leg, sdp []byte, answer bool, then func(sdp []byte, err error)) {
	if b.relay == nil {
		then(sdp, nil)
		return
	}
	b.shows++
	b.relay.show(Shown{From: from, To: b.other(from), Answer: answer, Text: sdp}, func(text []byte, err error) {
		if b.shows--; b.done != nil {
			then(text, err)
		}
	})
}

// pending answers the INVITE or UPDATE of a leg that came while the two negotiate: 491.
func (b *bridge) pending(l *Leg) {
	if l.s.in != inOpen {
		l.refuseUpdate(491)
		return
	}
	l.code, l.headers = 491, nil
	l.feed(evRefuse)
}

// forget ends the wait of a leg's INVITE for the other's answer.
func (b *bridge) forget(l *Leg) {
	if b.asks == l {
		b.asks = nil
	}
}

// fails answers the INVITE or UPDATE of a leg whose media nothing relays: 500, and it may come
// again. The session is what it was.
func (b *bridge) fails(l *Leg) {
	if l.s.in != inOpen {
		l.refuseUpdate(500)
		return
	}
	l.code, l.headers = 500, l.retryAfter()
	l.feed(evRefuse)
}
