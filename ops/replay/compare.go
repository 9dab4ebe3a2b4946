package replay

// What two decisions about one request differ in.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kind is what decisions may differ in.
type Kind string

// The kinds, the worst first.
const (
	Errors      Kind = "errors"       // the script fails, which the other one does not
	Refused     Kind = "refused"      // what was accepted gets a final refusal, or nothing
	Codes       Kind = "codes"        // the sender gets another final response
	Targets     Kind = "targets"      // it goes elsewhere, or in another order
	RecordRoute Kind = "record-route" // the server stays on the way of the call, or does not
	Auth        Kind = "auth"         // auth says something else
	Headers     Kind = "headers"      // headers, the reason of a response, or the body
)

// kinds are all of them.
func kinds() []Kind { return []Kind{Errors, Refused, Codes, Targets, RecordRoute, Auth, Headers} }

// Difference is one between two decisions.
type Difference struct {
	Kind Kind   `json:"kind" doc:"errors, refused, codes, targets, record-route, auth or headers"`
	Old  string `json:"old" doc:"what the script that serves does"`
	New  string `json:"new" doc:"what the new one does"`
	same string // what makes it the same difference as that of another request
}

// refuses reports whether a request comes to nothing, apart from being asked for credentials.
func (d *Decision) refuses() bool {
	return d.Code == 0 || d.Code >= 400 && d.Code != 401 && d.Code != 407
}

// lastStep is what decided last, without its line.
func (d *Decision) lastStep() string {
	if len(d.Steps) == 0 {
		return ""
	}
	return d.Steps[len(d.Steps)-1]
}

// compare is what differs.
func compare(a, b *Decision) (list []Difference) {
	note := func(k Kind, was, is, same string) { list = append(list, Difference{k, was, is, same}) }
	var fresh []string
	for _, e := range b.Errors {
		// Lines move when a script is changed: it is the same error only if its words are
		if !slices.ContainsFunc(a.Errors, func(x string) bool { return words(x) == words(e) }) {
			fresh = append(fresh, e)
		}
	}
	if len(fresh) > 0 {
		note(Errors, orNone(strings.Join(a.Errors, "; "), "no error"), strings.Join(fresh, "; "), strings.Join(fresh, "\n"))
	}
	if b.refuses() && !a.refuses() {
		note(Refused, a.outcome(), b.outcome(), codeOf(a)+codeOf(b))
	}
	if a.Code != b.Code {
		note(Codes, codeOf(a), codeOf(b), codeOf(a)+codeOf(b))
	}
	if was, is := a.targets(), b.targets(); was != is {
		note(Targets, orNone(was, "nowhere"), orNone(is, "nowhere"), a.lastStep()+"\n"+b.lastStep()+"\n"+hosts(a)+"\n"+hosts(b))
	}
	if a.RecordRoute != b.RecordRoute && len(a.Targets) > 0 && len(b.Targets) > 0 {
		note(RecordRoute, yesNo(a.RecordRoute), yesNo(b.RecordRoute), yesNo(a.RecordRoute))
	}
	if was, is := strings.Join(a.Auth, ", "), strings.Join(b.Auth, ", "); was != is {
		note(Auth, orNone(was, "not asked"), orNone(is, "not asked"), was+"\n"+is)
	}
	// Those of a response and those of a request are not comparable
	if (len(a.Targets) > 0) == (len(b.Targets) > 0) && (len(a.Targets) > 0 || a.Code == b.Code) {
		headers(a, b, note)
	}
	return list
}

func headers(a, b *Decision, note func(k Kind, was, is, same string)) {
	names := map[string]bool{}
	for name, value := range a.Headers {
		if other, ok := b.Headers[name]; !ok || other != value {
			names[name] = true
		}
	}
	for name := range b.Headers {
		if _, ok := a.Headers[name]; !ok {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return
	}
	all := slices.Sorted(maps.Keys(names))
	tell := func(d *Decision) string {
		var parts []string
		for _, name := range all {
			value, ok := d.Headers[name]
			switch {
			case !ok:
				parts = append(parts, name+" as it came")
			case value == "":
				parts = append(parts, "without "+name)
			default:
				parts = append(parts, name+": "+value)
			}
		}
		return strings.Join(parts, "; ")
	}
	note(Headers, tell(a), tell(b), strings.Join(all, " "))
}

// words are an error without its place.
func words(e string) string {
	_, text, ok := strings.Cut(e, ": ")
	if !ok {
		return e
	}
	return text
}

func (d *Decision) targets() string {
	list := make([]string, len(d.Targets))
	for i, t := range d.Targets {
		list[i] = t.String()
	}
	return strings.Join(list, ", ")
}

// hosts are where the targets are, if they are the same for many users: users and ports of phones
// are not.
func hosts(d *Decision) string {
	list := make([]string, 0, len(d.Targets))
	for _, t := range d.Targets {
		rest := t.URI
		if _, after, ok := strings.Cut(rest, "@"); ok {
			rest = after
		}
		rest, _, _ = strings.Cut(rest, ";")
		if t.Hop != "" {
			rest = "" // a phone behind a NAT, or a proxy
		}
		if strings.Trim(rest, "0123456789.:") == "" {
			rest = "an address"
		}
		list = append(list, rest)
	}
	return strings.Join(list, " ")
}

func codeOf(d *Decision) string {
	if d.Code == 0 {
		return "no answer"
	}
	return strconv.Itoa(d.Code)
}

// outcome is a decision in a few words.
func (d *Decision) outcome() string {
	switch {
	case len(d.Targets) > 0:
		return fmt.Sprintf("sent to %s, %s", d.targets(), codeOf(d))
	case d.Code == 0:
		return "no answer"
	}
	return "answered " + codeOf(d)
}

func orNone(text, none string) string {
	if text == "" {
		return none
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
