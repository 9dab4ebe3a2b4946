package rtpengine

// This file is what daemons know calls by.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/sipscript/sipscript/engine"
)

// Attach takes a key from the engine: with it the name that a daemon has for a call can be told
// from one that somebody made up.
func (m *Relay) Attach(e *engine.Engine) error {
	key := e.Key("rtpengine calls")
	m.key.Store(&key)
	m.eng.Store(e)
	return nil
}

// callID is what the daemon knows a call by: its Call-ID, and, if it was here before or at another
// server, what tells this passage apart, with a mark.
func (m *Relay) callID(c *carried, callID []byte) string {
	if c.id == "" {
		return string(callID)
	}
	return string(callID) + "." + c.id + m.mark(string(callID), c.id)
}

// markLength is that of a mark.
const markLength = 6

// mark shows that the passage of a call was named here: who chooses the Call-ID of a call cannot
// give it the name of another call's passage.
func (m *Relay) mark(callID, passage string) string {
	key := m.key.Load()
	if key == nil {
		return strings.Repeat("a", markLength)
	}
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(callID))
	mac.Write([]byte{0})
	mac.Write([]byte(passage))
	return strings.ToLower(base32.HexEncoding.EncodeToString(mac.Sum(nil)[:5]))[:markLength]
}

// sipCallID is the Call-ID of the call that a daemon knows by a name.
func (m *Relay) sipCallID(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || len(name)-dot-1 <= markLength {
		return name
	}
	passage, mark := name[dot+1:len(name)-markLength], name[len(name)-markLength:]
	if !hmac.Equal([]byte(mark), []byte(m.mark(name[:dot], passage))) {
		return name
	}
	return name[:dot]
}

// callOf is what the daemon knows the call of a request by.
func (m *Relay) callOf(r *engine.Request) string {
	note, ok := readNote(r.Carried(noteName))
	if !ok {
		note.id = passage(r.Message())
		if r.InDialog() {
			note.id = ""
		}
	}
	return m.callID(&note, r.Message().CallID())
}
