package engine

// What a relay of media is to modules that ask something of the parties of calls themselves.

// RelaysMedia is implemented by a Follower by which media pass through a relay.
type RelaysMedia interface{ RelaysMedia() }

// MediaRelayed reports whether media pass through a relay that goes with the request.
func (r *Request) MediaRelayed() bool {
	for _, f := range r.followers() {
		if _, ok := f.(RelaysMedia); ok {
			return true
		}
	}
	return false
}

// A MediaRelay is a relay that media of calls pass through. Its methods are called on lanes, and
// must not block.
type MediaRelay interface {
	// Known is what the relay knows a call by that was answered on a branch of r, a text in UTF-8
	// that may be kept over a restart; "" for one that is none of its calls.
	Known(r *Request, b *Branch) string
	// Show makes of a description of one party what the other is shown. then is called once, on the
	// lane of the Call-ID; it may be called before Show returns.
	Show(known string, d *Described, then func(text []byte, err error))
	// Over says that a call has ended without a BYE of its parties.
	Over(known string, callID []byte, callerTag string)
}

// Described is a description that one party of a call is shown of the other.
type Described struct {
	Engine                       *Engine // that the call passes
	CallID, CallerTag, CalleeTag string  // of the call
	ByCaller                     bool    // it is the caller's
	Answer                       bool    // to the other party's; otherwise it is an offer
	Text                         []byte  // the description
}
