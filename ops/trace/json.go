package trace

import (
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/sipscript/sipscript/engine/ring"
)

// Summary is a call, or a request that begins none, in a list.
type Summary struct {
	ID       string   `json:"call_id" doc:"as the caller chose it"`
	Others   []string `json:"other_call_ids,omitempty" doc:"of the same call: hidden from a side, or of another leg"`
	Session  string   `json:"session_id,omitempty" doc:"the UUID of who began it (RFC 7989)"`
	Name     string   `json:"name,omitempty" doc:"what sip.trace calls it"`
	Method   string   `json:"method" doc:"of the first request"`
	URI      string   `json:"uri" doc:"the Request-URI"`
	From     string   `json:"from" doc:"the URI of From"`
	To       string   `json:"to" doc:"the URI of To"` // a URI
	Source   string   `json:"source" doc:"the address it came from"`
	State    string   `json:"state" doc:"trying, ringing, answered, failed or ended"`
	Code     int      `json:"code,omitempty" doc:"the last response to the first request"`
	Began    string   `json:"began" doc:"RFC 3339, with microseconds"`
	Rang     float64  `json:"rang_seconds,omitempty" doc:"from its beginning until the caller was told that it rings"`
	Answered float64  `json:"answered_seconds,omitempty" doc:"from its beginning until the final response"`
	Ended    float64  `json:"ended_seconds,omitempty" doc:"from its beginning until its end"`
	EndedBy  string   `json:"ended_by,omitempty" doc:"caller, callee or server"`
	Messages int      `json:"messages" doc:"how many there are"` // how many there are
	Steps    int      `json:"steps" doc:"how many there are, decisions included"`
}

// Event is one thing that happened.
type Event struct {
	Kind      string `json:"kind" doc:"received, sent, unsent, decision or step"`
	At        string `json:"at" doc:"RFC 3339, with microseconds"`
	CallID    string `json:"call_id,omitempty" doc:"of the call, as the caller chose it"`
	Transport string `json:"transport,omitempty" doc:"udp, tcp, tls, ws or wss"`
	Local     string `json:"local,omitempty" doc:"the address of the listener"`
	Peer      string `json:"peer,omitempty" doc:"where it came from, or went to"`
	Text      string `json:"text,omitempty" doc:"the message; secrets are asterisks"`
	Base64    []byte `json:"text_base64,omitempty" doc:"the message, if it is not UTF-8 and so text is not quite it"`
	Length    int    `json:"length,omitempty" doc:"of the message as it was, in bytes"`
	Function  string `json:"function,omitempty" doc:"what the script called, or what happened"`
	Place     string `json:"place,omitempty" doc:"the line of the script"`
	Answer    string `json:"answer,omitempty" doc:"what came of it"`
	CSeq      uint32 `json:"cseq,omitempty" doc:"of the request that a step is about"`
}

// Call is a call whole.
type Call struct {
	Summary
	Domains []string `json:"domains" doc:"those that the server is responsible for"`
	Script  string   `json:"script" doc:"the file it runs"`
	Events  []Event  `json:"events" doc:"in order"`
	LeftOut int      `json:"left_out,omitempty" doc:"how many events in the middle are not here: there were very many"`
}

// kinds are the names of kinds of records.
var kinds = [...]string{ring.Received: "received", ring.Sent: "sent", ring.Unsent: "unsent", ring.Decision: "decision", ring.Step: "step"}

const stamp = "2006-01-02T15:04:05.000000Z07:00"

func summaryOf(c *ring.Call) Summary {
	since := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return t.Sub(c.Began).Seconds()
	}
	return Summary{ID: c.ID, Others: c.Others, Session: c.Session, Name: c.Name, Method: c.Method, URI: c.URI, From: c.From, To: c.To,
		Source: addr(c.Source), State: c.State, Code: c.Code, Began: c.Began.UTC().Format(stamp), Rang: since(c.Rang), Answered: since(c.Answered),
		Ended: since(c.Ended), EndedBy: c.EndedBy, Messages: c.Messages, Steps: c.Steps}
}

func eventOf(r *ring.Record, callID string) Event {
	e := Event{Kind: kinds[r.Kind], At: r.At.UTC().Format(stamp), CallID: callID, Transport: r.Transport.String(), Local: addr(r.Local), Peer: addr(r.Peer),
		Text: string(r.Text), Length: r.Length, Function: r.Function, Place: r.Place, Answer: r.Answer, CSeq: r.CSeq}
	if !utf8.Valid(r.Text) {
		e.Base64 = r.Text
	}
	return e
}

// bytes are the message as it was.
func (e *Event) bytes() []byte {
	if len(e.Base64) > 0 {
		return e.Base64
	}
	return []byte(e.Text)
}

func addr(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// when reads a time of an event; the zero time if it is none.
func when(text string) time.Time {
	t, _ := time.Parse(stamp, text)
	return t
}

func addrOf(text string) netip.AddrPort {
	a, _ := netip.ParseAddrPort(text)
	return a
}
