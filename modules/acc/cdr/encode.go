package cdr

// The text of records. It is written by hand: every call is written three times, and reflection
// costs several times as much.

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// text is what JSON is appended to.
type text struct {
	b    []byte
	next bool // a comma comes before the next member
	err  error
	// Where in b the last time begins that was written in full, 0 for none, and its second since
	// 1970
	known  int
	second int64
}

func (x *text) open(c byte)  { x.b, x.next = append(x.b, c), false }
func (x *text) close(c byte) { x.b, x.next = append(x.b, c), true }

func (x *text) comma() {
	if x.next {
		x.b = append(x.b, ',')
	}
	x.next = true
}

// name writes the name of a member.
func (x *text) name(name string) {
	x.comma()
	x.b = append(append(append(x.b, '"'), name...), '"', ':')
}

// quote writes a string.
func (x *text) quote(s string) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil {
				x.err = err
			}
			x.b = append(x.b, q...)
			return
		}
	}
	x.b = append(append(append(x.b, '"'), s...), '"')
}

// always writes a member that is there even if it is empty.
func (x *text) always(name, s string) {
	x.name(name)
	x.quote(s)
}

func (x *text) str(name, s string) {
	if s != "" {
		x.always(name, s)
	}
}

func (x *text) time(name string, t Time) {
	if !t.IsZero() {
		x.name(name)
		x.b = append(x.b, '"')
		if second := t.Unix(); x.known == 0 || second != x.second { // most are in one second
			x.known, x.second = len(x.b), second
			x.b = appendTime(x.b, t.Time)
		} else {
			at := x.known
			x.b = append(x.b, x.b[at:at+len("2006-01-02T15:04:05.")]...)
			x.b = append(digits(x.b, t.Nanosecond()/1e6, 3), 'Z')
		}
		x.b = append(x.b, '"')
	}
}

// appendTime is AppendFormat of layout, at a third of its price.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(digits(b, year, 4), '-')
	b = append(digits(b, int(month), 2), '-')
	b = append(digits(b, day, 2), 'T')
	b = append(digits(b, hour, 2), ':')
	b = append(digits(b, minute, 2), ':')
	b = append(digits(b, second, 2), '.')
	return append(digits(b, t.Nanosecond()/1e6, 3), 'Z')
}

// digits appends the last n digits of a number.
func digits(b []byte, v, n int) []byte {
	b = append(b, "0000"[:n]...)
	for i := len(b) - 1; n > 0; n-- {
		b[i] = byte('0' + v%10)
		v /= 10
		i--
	}
	return b
}

func (x *text) number(name string, n int) {
	x.name(name)
	x.b = strconv.AppendInt(x.b, int64(n), 10)
}

func (x *text) fields(fields map[string]any) {
	x.open('{')
	var room [8]string // most have few
	keys := room[:0]
	for k := range fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		x.comma()
		x.quote(k)
		x.b = append(x.b, ':')
		switch v := fields[k].(type) {
		case string:
			x.quote(v)
		case bool:
			x.b = strconv.AppendBool(x.b, v)
		default:
			q, err := json.Marshal(v)
			if err != nil {
				x.err = err
			}
			x.b = append(x.b, q...)
		}
	}
	x.close('}')
}

func (x *text) texts(list []string) {
	x.open('[')
	for _, s := range list {
		x.comma()
		x.quote(s)
	}
	x.close(']')
}

func (x *text) branch(l *Branch) {
	x.comma()
	x.open('{')
	x.always("target", l.Target)
	x.str("next_hop", l.NextHop)
	x.time("began", l.Began)
	x.time("rang", l.Rang)
	x.time("ended", l.Ended)
	x.number("code", l.Code)
	x.str("reason", l.Reason)
	x.str("cause", l.Cause)
	if len(l.Redirect) > 0 {
		x.name("redirect")
		x.texts(l.Redirect)
	}
	if len(l.Fields) > 0 {
		x.name("fields")
		x.fields(l.Fields)
	}
	x.close('}')
}

func (x *text) legs(legs []Branch) {
	x.open('[')
	for i := range legs {
		x.branch(&legs[i])
	}
	x.close(']')
}

// AppendLegs appends legs in JSON, as they are in a record.
func AppendLegs(b []byte, legs []Branch) []byte {
	x := &text{b: b}
	x.legs(legs)
	return x.b
}

// AppendTexts appends a list of texts in JSON.
func AppendTexts(b []byte, list []string) []byte {
	x := &text{b: b}
	x.texts(list)
	return x.b
}

// AppendFields appends a script's fields in JSON, as they are in a record.
func AppendFields(b []byte, fields map[string]any) []byte {
	x := &text{b: b}
	x.fields(fields)
	return x.b
}

// Append appends the record in JSON.
func (r *Record) Append(b []byte) ([]byte, error) {
	x := &text{b: b}
	x.open('{')
	x.always("id", r.ID)
	x.always("type", r.Type)
	x.str("call", r.Call)
	x.str("event", r.Event)
	x.str("node", r.Node)
	x.always("call_id", r.CallID)
	x.always("from_uri", r.FromURI)
	x.always("from_tag", r.FromTag)
	x.always("to_uri", r.ToURI)
	x.str("to_tag", r.ToTag)
	x.always("request_uri", r.RequestURI)
	x.str("user", r.User)
	x.always("source", r.Source)
	x.str("target", r.Target)
	x.str("user_agent", r.UserAgent)
	x.str("callee_agent", r.CalleeAgent)
	x.str("diversion", r.Diversion)
	x.time("began", r.Began)
	x.time("rang", r.Rang)
	x.time("answered", r.Answered)
	x.time("ended", r.Ended)
	x.name("duration")
	x.b = strconv.AppendFloat(x.b, r.Duration, 'f', -1, 64)
	x.number("code", r.Code)
	x.str("reason", r.Reason)
	x.str("cause", r.Cause)
	x.str("ended_by", r.EndedBy)
	if len(r.Legs) > 0 {
		x.name("legs")
		x.legs(r.Legs)
	}
	if len(r.Fields) > 0 {
		x.name("fields")
		x.fields(r.Fields)
	}
	x.close('}')
	return x.b, x.err
}
