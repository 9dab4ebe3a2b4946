package ring

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Kind is what a record tells.
type Kind uint8

const (
	Received Kind = iota + 1 // a message arrived
	Sent                     // a message was handed to its transport
	Unsent                   // a message could not be sent; Answer says why
	Decision                 // what is sent for the request from then on is sent because of this
	Step                     // something was done or found out about a request

)

// Record is one thing that happened. What it refers to is never changed.
type Record struct {
	Kind Kind      // which of the fields below say something
	Lane int       // which lane recorded it
	At   time.Time // when the lane began the work it belongs to

	// Of a message
	Transport transport.Kind
	Local     netip.AddrPort // the listener's address
	Peer      netip.AddrPort // where the message came from, or was sent to
	// Text is the message, its secrets masked. Of a long one it is the beginning.
	Text   []byte
	Length int // of the message as it was, in bytes

	// Of a decision or a step
	Function string // what was called: "relay", "auth.require"; or what happened: "branch failed"
	Place    string // the line of the script: "route.lua:23"; "" for none
	Answer   string // what came of it, or what it was about; "" for nothing
	CSeq     uint32 // of the request

	call uint64 // the hash of a step's Call-ID
}

const (
	mostText = 8 << 10 // bytes that are kept of a message
	mostStep = 512     // bytes that are kept of a step's texts together
	headSize = 80      // bytes of a record without its text, at most
)
