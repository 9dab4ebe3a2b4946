// Package dialog has calls of this server's own: legs, each the one end of an INVITE dialog (RFC
// 3261 §12 to §15), joined by whoever owns them.
//
// An [Agent] is an engine.Part. [Agent.Accept] takes the INVITE of a request as a leg whose caller
// is elsewhere, [Agent.Dial] calls somebody, and [Agent.Bridge] joins two legs: what one party
// offers the other answers, until one of them leaves. A leg shares nothing with another one but
// what Bridge and Dial pass: it has its own Call-ID, tags, CSeq numbers, route set and Contact.
//
//	leg, err := agent.Accept(req, dialog.AcceptOptions{})
//	agent.Dial(leg, targets, dialog.DialOptions{Timeout: 20 * time.Second}, func(far *dialog.Leg, res *engine.Response) {
//		if far == nil {
//			leg.Reject(res)
//			return
//		}
//		agent.Bridge(leg, far, dialog.BridgeOptions{}, func(ended *dialog.Leg, why string) { leg.HangUp(""); far.HangUp("") })
//	})
//
// What a leg must do, and in which order, is decided by a state machine without time and network
// (state.go): a step takes a state and an event, and returns a state and actions. Its test goes
// through all of its states. The rest carries the actions out.
//
// An offer goes from one party to the other by INVITE or UPDATE (RFC 3311), before the call is
// answered where the answer to the one before was acknowledged (PRACK, RFC 3262). [Leg.Hold] and
// [Leg.Resume] are offers of the owner's own. What a leg has of these is made when it is wanted
// (rare.go), for most legs want none of it.
//
// [Agent.Transfer] and [Agent.Move] have a party go to somebody else; a party's REFER is shown to
// [Options.Refer], and does so if that accepts it. Each leg has a session timer of its own (RFC
// 4028) with a party that has them.
//
// What relays the media of a leg's party ([Media]) is shown each description on its way to the
// other one, and may take a while: until then the two count as negotiating.
//
// All of it belongs to the holder of a lane's token: both legs of a bridge are on the lane of the
// one that dialled, whose Call-IDs the other's are chosen for. Nothing waits; what takes time is
// told to functions, on that lane.
//
// A leg always has an owner, which ends it, and it ends once: Ended tells. What is left to do on
// the wire after that (an ACK that is awaited before a BYE may be sent, the 2xx of an INVITE that
// was cancelled) is the machine's.
package dialog
