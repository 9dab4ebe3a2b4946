// Package cdr is the record of a call: its fields, and their text in JSON, which is what is kept in
// the spool and written to files of JSON.
package cdr

import (
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// Types of records.
const (
	Call  = "call"  // of a call: one for each
	Leg   = "leg"   // of one leg of a call, where every leg has its own record
	Event = "event" // of what a script notes
)

// ID tells records apart: a UUID of version 7 (RFC 9562), which grows with time. A record that is
// delivered twice has the same.
type ID [16]byte

// NewID makes an ID of 10 random bytes.
func NewID(now time.Time, random [10]byte) (id ID) {
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	copy(id[6:], random[:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String is the usual text of a UUID.
func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Time is a moment in milliseconds, in UTC.
type Time struct{ time.Time }

// layout of times: RFC 3339 with milliseconds.
const layout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes it as text.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(layout)+2), `"`+layout+`"`), nil
}

// String is its text, "" for none.
func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return string(appendTime(make([]byte, 0, len(layout)), t.Time))
}

// Append appends its text, nothing for none.
func (t Time) Append(b []byte) []byte {
	if t.IsZero() {
		return b
	}
	return appendTime(b, t.Time)
}

// Record is a CDR. Those of events have only some of the fields.
type Record struct {
	ID   string `json:"id"`   // a UUID
	Type string `json:"type"` // Call, Leg or Event
	// Call: of a Leg or an Event: the id of its call's record
	Call  string `json:"call,omitempty"`
	Event string `json:"event,omitempty"` // its name
	Node  string `json:"node,omitempty"`  // the server's name
	// CallID: the Call-ID of the caller's request
	CallID     string `json:"call_id"`
	FromURI    string `json:"from_uri"`         // who calls, as the request says
	FromTag    string `json:"from_tag"`         // of From
	ToURI      string `json:"to_uri"`           // who was called
	ToTag      string `json:"to_tag,omitempty"` // of whoever answered
	RequestURI string `json:"request_uri"`      // as it arrived
	User       string `json:"user,omitempty"`   // who has proved to be the caller
	// Source: where the request came from: "udp:192.0.2.1:5060"
	Source string `json:"source"`
	// Target: the URI that answered, or the last that was tried
	Target      string `json:"target,omitempty"`
	UserAgent   string `json:"user_agent,omitempty"`   // of the caller
	CalleeAgent string `json:"callee_agent,omitempty"` // of whoever answered
	// Diversion: who forwarded the call here, as the request says
	Diversion string `json:"diversion,omitempty"`
	// Began: the INVITE, or what the event is of
	Began    Time `json:"began"`
	Rang     Time `json:"rang,omitzero"`     // the first 18x
	Answered Time `json:"answered,omitzero"` // the 2xx
	Ended    Time `json:"ended,omitzero"`    // the BYE, or the failure
	// Duration: seconds from Answered to Ended; 0 without an answer
	Duration float64 `json:"duration"`
	Code     int     `json:"code"` // that the caller got; 0: none
	// Reason: the phrase of a failure, or what a Reason header of the BYE says
	Reason string `json:"reason,omitempty"`
	// Cause: "answered", "busy", "cancelled", … see the README
	Cause   string `json:"cause,omitempty"`
	EndedBy string `json:"ended_by,omitempty"` // "caller", "callee", "server"
	// Legs: each branch that was tried, in order
	Legs   []Branch       `json:"legs,omitempty"`
	Fields map[string]any `json:"fields,omitempty"` // the script's
}

// Plain reports whether [Read] gives the fields of its text the types and values that they have
// here: a number that is no float64 comes back as one, and text that is not UTF-8 as another.
func (r *Record) Plain() bool {
	for name, v := range r.Fields {
		s, ok := v.(string)
		if !ok {
			switch v.(type) {
			case float64, bool:
				ok = true
			}
		}
		if !ok || !utf8.ValidString(name) || !utf8.ValidString(s) {
			return false
		}
	}
	return utf8.ValidString(r.Node)
}

// Branch is one attempt to reach somebody.
type Branch struct {
	Target string `json:"target"` // its Request-URI
	// NextHop: where it was sent, if the target says otherwise
	NextHop string `json:"next_hop,omitempty"`
	Began   Time   `json:"began"`            // when it was sent
	Rang    Time   `json:"rang,omitzero"`    // its first 18x
	Ended   Time   `json:"ended,omitzero"`   // its final response
	Code    int    `json:"code"`             // of that; 0: none
	Reason  string `json:"reason,omitempty"` // its phrase
	// Cause: why there is no response, or what a module says
	Cause    string         `json:"cause,omitempty"`
	Redirect []string       `json:"redirect,omitempty"` // the contacts of a 3xx
	Fields   map[string]any `json:"fields,omitempty"`   // the script's
}

// Text is a text from the network as it may stand in a record: valid UTF-8 without NUL, which some
// databases refuse, and not long.
func Text[T string | []byte](t T) string {
	const most = 1024
	if len(t) > most {
		t = t[:most]
	}
	for i := range len(t) {
		if c := t[i]; c == 0 || c >= 0x80 {
			return strings.ReplaceAll(strings.ToValidUTF8(string(t), "\ufffd"), "\x00", "\ufffd")
		}
	}
	return string(t)
}
