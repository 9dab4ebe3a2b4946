package cdr

// Reading records. What Append wrote has one form, without white space, with its members in one
// order: that is read by hand, as each destination but JSON reads every record, and reflection
// costs ten times as much. Whatever has another form is left to the standard library.

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// scanner reads what Append wrote. Strings are parts of its text.
type scanner struct {
	text string
	at   int
	odd  bool // it has another form
}

// Read reads what Append wrote.
func Read(text []byte) (*Record, error) {
	r := &Record{}
	x := scanner{text: string(text)}
	if x.record(r); !x.odd && x.at == len(x.text) {
		return r, nil
	}
	*r = Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	return r, nil
}

// take steps over a byte, if that comes next.
func (x *scanner) take(c byte) bool {
	if x.at < len(x.text) && x.text[x.at] == c {
		x.at++
		return true
	}
	return false
}

// must is take for what has to come.
func (x *scanner) must(c byte) {
	if !x.take(c) {
		x.odd = true
	}
}

// str reads a string.
func (x *scanner) str() string {
	x.must('"')
	from := x.at
	for x.at < len(x.text) {
		switch c := x.text[x.at]; {
		case c == '"':
			x.at++
			return x.text[from : x.at-1]
		case c == '\\' || c < 0x20 || c >= 0x7f:
			return x.escaped(from - 1)
		}
		x.at++
	}
	x.odd = true
	return ""
}

// escaped reads a string that is not as it stands there.
func (x *scanner) escaped(from int) (s string) {
	for x.at < len(x.text) && x.text[x.at] != '"' {
		if x.text[x.at] == '\\' {
			x.at++
		}
		x.at++
	}
	x.must('"')
	if x.odd || json.Unmarshal([]byte(x.text[from:x.at]), &s) != nil {
		x.odd = true
	}
	return s
}

// word reads what goes on up to the next comma or bracket: a number or a truth value.
func (x *scanner) word() string {
	from := x.at
	for x.at < len(x.text) && x.text[x.at] != ',' && x.text[x.at] != '}' && x.text[x.at] != ']' {
		x.at++
	}
	return x.text[from:x.at]
}

// integer reads an integer.
func (x *scanner) integer() int {
	w := x.word()
	n, err := strconv.Atoi(w)
	x.odd = x.odd || err != nil || !decimal(w)
	return n
}

// number reads a number. One with an exponent has another form.
func (x *scanner) number() float64 {
	w := x.word()
	n, err := strconv.ParseFloat(w, 64)
	x.odd = x.odd || err != nil || !decimal(w)
	return n
}

// decimal reports whether a word is a number of JSON, digits with a point at most: strconv takes
// more than that.
func decimal(w string) bool {
	if w != "" && w[0] == '-' {
		w = w[1:]
	}
	whole, part, point := strings.Cut(w, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!point || digits(part))
}

// time reads a time in layout.
func (x *scanner) time() (t Time) {
	s := x.str()
	if len(s) != len(layout) {
		x.odd = true
		return t
	}
	part := func(from, to int) (n int) {
		for _, c := range []byte(s[from:to]) {
			x.odd = x.odd || c < '0' || c > '9'
			n = 10*n + int(c-'0')
		}
		return n
	}
	for i, c := range []byte(layout) {
		x.odd = x.odd || (c < '0' || c > '9') && s[i] != c
	}
	month, day, hour, minute, second := part(5, 7), part(8, 10), part(11, 13), part(14, 16), part(17, 19)
	t.Time = time.Date(part(0, 4), time.Month(month), day, hour, minute, second, part(20, 23)*1e6, time.UTC)
	if month != int(t.Month()) || day != t.Day() || hour > 23 || minute > 59 || second > 59 {
		x.odd = true
	}
	return t
}

// members calls f with the name of each member of an object, before its value.
func (x *scanner) members(f func(name string)) {
	x.must('{')
	if x.take('}') {
		return
	}
	for !x.odd {
		name := x.str()
		if x.must(':'); x.odd { // at may be beyond the end
			return
		}
		if f(name); !x.take(',') {
			x.must('}')
			return
		}
	}
}

// list calls f before each element of a list.
func (x *scanner) list(f func()) {
	x.must('[')
	if x.take(']') {
		return
	}
	for !x.odd {
		if f(); !x.take(',') {
			x.must(']')
			return
		}
	}
}

func (x *scanner) record(r *Record) {
	x.members(func(name string) {
		if into := r.TextOf(name); into != nil {
			*into = x.str()
			return
		}
		switch name {
		case "began":
			r.Began = x.time()
		case "rang":
			r.Rang = x.time()
		case "answered":
			r.Answered = x.time()
		case "ended":
			r.Ended = x.time()
		case "duration":
			r.Duration = x.number()
		case "code":
			r.Code = x.integer()
		case "legs":
			r.Legs = []Branch{}
			x.list(func() {
				r.Legs = append(r.Legs, Branch{})
				x.branch(&r.Legs[len(r.Legs)-1])
			})
		case "fields":
			r.Fields = x.fields()
		default:
			x.odd = true
		}
	})
}

// TextOf is the field of a member that is a string, nil for another.
func (r *Record) TextOf(name string) *string {
	switch name {
	case "id":
		return &r.ID
	case "type":
		return &r.Type
	case "call":
		return &r.Call
	case "event":
		return &r.Event
	case "node":
		return &r.Node
	case "call_id":
		return &r.CallID
	case "from_uri":
		return &r.FromURI
	case "from_tag":
		return &r.FromTag
	case "to_uri":
		return &r.ToURI
	case "to_tag":
		return &r.ToTag
	case "request_uri":
		return &r.RequestURI
	case "user":
		return &r.User
	}
	return r.laterTextOf(name)
}

func (r *Record) laterTextOf(name string) *string {
	switch name {
	case "source":
		return &r.Source
	case "target":
		return &r.Target
	case "user_agent":
		return &r.UserAgent
	case "callee_agent":
		return &r.CalleeAgent
	case "diversion":
		return &r.Diversion
	case "reason":
		return &r.Reason
	case "cause":
		return &r.Cause
	case "ended_by":
		return &r.EndedBy
	}
	return nil
}

func (x *scanner) branch(l *Branch) {
	x.members(func(name string) {
		switch name {
		case "target":
			l.Target = x.str()
		case "next_hop":
			l.NextHop = x.str()
		case "began":
			l.Began = x.time()
		case "rang":
			l.Rang = x.time()
		case "ended":
			l.Ended = x.time()
		case "code":
			l.Code = x.integer()
		case "reason":
			l.Reason = x.str()
		case "cause":
			l.Cause = x.str()
		case "redirect":
			l.Redirect = []string{}
			x.list(func() { l.Redirect = append(l.Redirect, x.str()) })
		case "fields":
			l.Fields = x.fields()
		default:
			x.odd = true
		}
	})
}

// fields reads the script's own. A list or an object among them is left to the standard library.
func (x *scanner) fields() map[string]any {
	fields := map[string]any{}
	x.members(func(name string) {
		switch {
		case x.at < len(x.text) && x.text[x.at] == '"':
			fields[name] = x.str()
		case x.at < len(x.text) && (x.text[x.at] == '-' || x.text[x.at] >= '0' && x.text[x.at] <= '9'):
			fields[name] = x.number()
		default:
			switch x.word() {
			case "true":
				fields[name] = true
			case "false":
				fields[name] = false
			default:
				x.odd = true
			}
		}
	})
	return fields
}
