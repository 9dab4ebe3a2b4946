package interop

// The differences that are allowed, each with its reason.

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kemiRule is a difference that is allowed. What it says of the messages to one side is made the
// same in both.
type kemiRule struct {
	name string
	same func(theirs, ours []packet) (a, b []packet)
}

// each is a rule that changes one message at a time, in both.
func each(name string, f func(p *packet)) kemiRule {
	return kemiRule{name, func(theirs, ours []packet) (a, b []packet) {
		for _, list := range [][]packet{theirs, ours} {
			for i := range list {
				f(&list[i])
			}
		}
		return theirs, ours
	}}
}

// aliasParam is what set_contact_alias adds, with the address it came from.
var aliasParam = regexp.MustCompile(`;alias=(\{.~\}|[0-9.]+~\d+)~1`)

// local are the start lines of answers of a server's own that say the same.
var local = [][2]string{
	{"SIP/2.0 200 canceling", "SIP/2.0 200 OK"}, {"SIP/2.0 200 ok -- no more pending branches", "SIP/2.0 200 OK"}, {"SIP/2.0 500 Service Unavailable", "SIP/2.0 500 Server Internal Error"},
	{"SIP/2.0 400 CSeq method does not match request method", "SIP/2.0 400 Bad CSeq: not the request's method"}, {"SIP/2.0 400 CSeq number is illegal", "SIP/2.0 400 Bad CSeq: number"},
	{"SIP/2.0 400 Content-Length mis-match", "SIP/2.0 400 Bad Content-Length: larger than the body"}, {"SIP/2.0 400 Bad Request URI", "SIP/2.0 400 Bad Request-URI: no scheme"},
	{"SIP/2.0 400 Bad Request URI", "SIP/2.0 400 Bad Request-URI: empty host"}, {"SIP/2.0 400 Bad Request URI", "SIP/2.0 400 Bad Request-URI: bad port"},
}

var seconds = regexp.MustCompile(`expires=\d+`)

// inMinutes has times in whole minutes: a second may pass between two requests.
func inMinutes(contacts string) string {
	return seconds.ReplaceAllStringFunc(contacts, func(s string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(s, "expires="))
		return "expires=" + strconv.Itoa((n+59)/60*60)
	})
}

// paired is a rule that changes two messages that belong together.
func paired(name string, f func(a, b *packet)) kemiRule {
	return kemiRule{name, func(theirs, ours []packet) ([]packet, []packet) {
		for i := range min(len(theirs), len(ours)) {
			f(&theirs[i], &ours[i])
		}
		return theirs, ours
	}}
}

func kemiRules() []kemiRule {
	return slices.Concat(answerRules(), requestRules())
}

func answerRules() []kemiRule {
	return []kemiRule{
		each("parameters of Via have no order", func(p *packet) {
			p.change("via", func(v string) string {
				parts := strings.Split(v, ";")
				slices.Sort(parts[1:])
				return strings.Join(parts, ";")
			})
		}),
		each("who made an answer is not said here", func(p *packet) { p.drop("server") }),
		each("the answer to a REGISTER has a Date (RFC 3261 §10.3 step 8)", func(p *packet) { p.drop("date") }),
		each("contacts are a header each, in no order", func(p *packet) {
			if !strings.HasSuffix(p.value("cseq"), " REGISTER") {
				return
			}
			var all []string
			for _, f := range p.fields {
				if f.name == "contact" {
					all = append(all, strings.Split(inMinutes(f.value), ", ")...)
				}
			}
			slices.Sort(all)
			if p.drop("contact"); len(all) > 0 {
				p.fields = append(p.fields, headerField{"contact", strings.Join(all, ", ")})
			}
		}),
		each("the list of contacts shows all parameters, and not where each came from", func(p *packet) {
			if strings.HasSuffix(p.value("cseq"), " REGISTER") {
				p.change("contact", func(v string) string {
					return strings.NewReplacer(`;received="sip:{A}"`, "", ";foo=bar", "").Replace(v)
				})
			}
		}),
		each("challenges have qop and algorithm, and nonces are a server's own", func(p *packet) {
			for _, name := range []string{"www-authenticate", "proxy-authenticate"} {
				p.change(name, func(v string) string { return `Digest realm="` + quoted(v, "realm") + `"` })
			}
		}),
		paired("answers of a server's own have words of its own", func(a, b *packet) {
			if slices.Contains(local, [2]string{a.start, b.start}) {
				b.start = a.start
			}
		}),
		each("Record-Route only goes with what begins a dialog (RFC 3261 §12.1.1)", func(p *packet) {
			code, _, _ := strings.Cut(strings.TrimPrefix(p.start, "SIP/2.0 "), " ")
			if strings.HasPrefix(p.start, "SIP/2.0 ") && (code >= "300" || !strings.HasSuffix(p.value("cseq"), " INVITE") && !strings.HasSuffix(p.value("cseq"), " SUBSCRIBE")) {
				p.drop("record-route")
			}
		}),
		paired("an answer that begins a dialog has a Contact (RFC 3261 §12.1.1)", func(a, b *packet) {
			if a.start == "SIP/2.0 200 OK" && b.start == a.start && a.value("contact") == "" && strings.Contains(b.value("contact"), "{S}") {
				b.drop("contact")
			}
		}),
	}
}

func requestRules() []kemiRule {
	return []kemiRule{
		each("blank lines before a request do not go on", func(p *packet) { p.start = strings.TrimPrefix(p.start, blankFirst) }),
		each("rport only where the client asks for it (RFC 3581 §4)", func(p *packet) {
			p.change("via", func(v string) string {
				if strings.Contains(v, "norport") {
					return strings.Replace(v, ";rport=*", "", 1)
				}
				return v
			})
		}),
		paired("Max-Forwards is 70 where there is none, and not lowered to 70 (RFC 3261 §16.6 step 3)", func(a, b *packet) {
			if x, y := a.value("max-forwards"), b.value("max-forwards"); x == "10" && y == "70" || x == "70" && y == "254" {
				a.drop("max-forwards")
				b.drop("max-forwards")
			}
		}),
		each("Max-Breadth goes with a request (RFC 5393 §5.3)", func(p *packet) { p.drop("max-breadth") }),
		each("our Via has rport", func(p *packet) {
			p.change("via", func(v string) string {
				if strings.Contains(v, "{S}") {
					return "SIP/2.0/UDP {S};branch=*"
				}
				return v
			})
		}),
		each("our Record-Route is signed", func(p *packet) {
			p.change("record-route", func(v string) string {
				if strings.Contains(v, "{S}") {
					return "<sip:{S}>"
				}
				return v
			})
		}),
		each("behind a NAT there is a second Record-Route of ours in the place of Contact's alias", func(p *packet) {
			p.fields = slices.CompactFunc(p.fields, func(a, b headerField) bool { return a == b && a.name == "record-route" })
			p.change("contact", func(v string) string { return aliasParam.ReplaceAllString(v, "") })
		}),
		each("the ACK of a failure and CANCEL are new requests of this server (RFC 3261 §9.1, §17.1.1.3)", func(p *packet) {
			if strings.HasPrefix(p.start, "ACK ") || strings.HasPrefix(p.start, "CANCEL ") {
				p.drop("max-forwards")
				p.drop("reason")
			}
		}),
	}
}
