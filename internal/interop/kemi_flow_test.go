package interop

// A request of a caller, and what follows from it.

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

// kemiFlow is a request of the caller, and what follows from it.
type kemiFlow struct {
	name, first string
	from        string           // the side that sends; "A" for none
	password    string           // with which a challenge is answered, as "user:password"
	codes       map[string][]int // a callee's answers in turn, 0 is silence; then 200
	headers     string           // of the callee's answers
	contact     string           // of the callee; "{B}" and so on for none
	session     string           // the callee's answer to an offer
	patient     bool             // a server asks another one before it sends anything
	silent      bool             // this server sends nothing
	then        string           // what follows: cancel bye info update reinvite callee-bye again
}

// flowRun is one run of a flow at one server.
type flowRun struct {
	*wires
	f      kemiFlow
	codes  map[string][]int
	came   map[string][]packet
	rounds []int // of the other server: how many messages had come after each
	mine   []int
	first  string            // the request, with credentials if it needed some
	invite map[string]string // the request that is in progress at each callee
	answer string            // the last 2xx to an INVITE
	wants  string            // a challenge
}

// run sends the flow's messages, and returns what came to each side. rounds are those of the run at
// the other server.
func (w *wires) run(f kemiFlow, rounds []int) *flowRun {
	w.t.Helper()
	r := &flowRun{wires: w, f: f, codes: map[string][]int{}, came: map[string][]packet{}, invite: map[string]string{}, rounds: rounds, first: f.first}
	for side, list := range f.codes {
		r.codes[side] = list
	}
	if r.f.from == "" {
		r.f.from = "A"
	}
	r.round(r.f.from, f.first)
	if r.wants != "" && f.password != "" {
		r.first = withCredentials(r.fill(f.first), r.wants, f.password)
		r.wants = ""
		r.round(r.f.from, r.first)
	}
	for _, then := range strings.Fields(f.then) {
		r.follow(then)
	}
	return r
}

func (r *flowRun) follow(then string) {
	r.t.Helper()
	method := map[string]string{"bye": "BYE", "info": "INFO", "reinvite": "INVITE", "update": "UPDATE", "refer": "REFER", "message": "MESSAGE", "options": "OPTIONS"}[then]
	switch {
	case then == "again":
		r.round(r.f.from, r.first)
	case then == "cancel":
		r.round(r.f.from, follow(r.first, "CANCEL", "", "", ""))
	case r.answer == "":
	case then == "callee-bye":
		for side, invite := range r.invite {
			if side == "B" {
				r.round(side, r.backwards(invite))
			}
		}
	case then == "stray-bye": // the dialog, but not the Route
		r.round(r.f.from, strings.ReplaceAll(r.within("BYE"), "Route:", "Subject:"))
	default:
		r.round(r.f.from, r.within(method))
	}
}

// round sends a message, and answers what comes until nothing more does.
func (r *flowRun) round(side, text string) {
	r.t.Helper()
	r.send(side, text)
	came := r.f.silent // what follows the first message of a round follows at once
	for range 20 {
		h := r.settled(r.expected(came))
		n := h.count()
		came = came || n > 0
		if r.mine = append(r.mine, r.soFar()+n); n == 0 {
			return
		}
		for _, at := range sides {
			for _, m := range h[at] {
				if strings.HasPrefix(m, "SIP/2.0 100 ") {
					continue
				}
				r.came[at] = append(r.came[at], r.seenAs(m))
				if strings.HasPrefix(m, "SIP/2.0 ") {
					r.heard(at, text, m)
				} else {
					r.callee(at, m)
				}
			}
		}
	}
	r.t.Fatal("the messages do not end")
}

// soFar is how many messages have come.
func (r *flowRun) soFar() int {
	if len(r.mine) == 0 {
		return 0
	}
	return r.mine[len(r.mine)-1]
}

// expected is how many messages the server owes before it is asked whether it is done: the first
// that the other one sent, or all of them of a server that asks another one before each.
func (r *flowRun) expected(came bool) int {
	n := len(r.mine)
	switch {
	case n >= len(r.rounds):
		return 0
	case r.f.patient:
		return r.rounds[n] - r.soFar()
	case came || n > 0 && r.rounds[n] == r.rounds[n-1]:
		return 0
	}
	return min(r.rounds[n], 1)
}

// shortNames are the compact forms of the names that linesOf is asked for.
var shortNames = map[string]string{"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact"}

// linesOf is a header's lines in a message, with its usual name.
func linesOf(text, name string) (list []string) {
	for line := range strings.SplitSeq(text, "\r\n") {
		n, value, ok := strings.Cut(line, ": ")
		if long := shortNames[n]; long != "" {
			n = long
		}
		if ok && strings.EqualFold(n, name) {
			list = append(list, name+": "+value)
		}
	}
	return list
}

func lineOf(text, name string) string {
	if list := linesOf(text, name); len(list) > 0 {
		return strings.TrimPrefix(list[0], name+": ")
	}
	return ""
}

// callee answers a request that came.
func (r *flowRun) callee(side, text string) {
	r.t.Helper()
	method, _, _ := strings.Cut(text, " ")
	switch method {
	case "ACK":
		return
	case "CANCEL":
		r.reply(side, text, 200)
		r.reply(side, r.invite[side], 487)
		return
	case "INVITE":
		r.invite[side] = text
	}
	for len(r.codes[side]) > 0 {
		code := r.codes[side][0]
		r.codes[side] = r.codes[side][1:]
		if code == 0 { // no answer
			return
		}
		if r.reply(side, text, code); code >= 200 {
			return
		}
	}
	r.reply(side, text, 200)
}

func (r *flowRun) reply(side, text string, code int) {
	r.t.Helper()
	lines := []string{fmt.Sprintf("SIP/2.0 %d Answer %d", code, code)}
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, line := range linesOf(text, name) {
			if name == "To" && !strings.Contains(line, ";tag=") {
				line += ";tag=fix" + side
			}
			lines = append(lines, line)
		}
	}
	contact := "<sip:callee@{" + side + "}>"
	if r.f.contact != "" {
		contact = r.f.contact
	}
	session := ""
	if method, _, _ := strings.Cut(text, " "); method == "INVITE" && code < 300 && r.f.session != "" {
		session = r.f.session
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, "Contact: "+contact, fmt.Sprintf("%sContent-Length: %d", r.f.headers, len(session)), "", session)
	r.send(side, strings.Join(lines, "\r\n"))
}

// heard acknowledges the final answer to an INVITE, and notes a challenge.
func (r *flowRun) heard(side, request, answer string) {
	r.t.Helper()
	if side != r.f.from || strings.HasPrefix(answer, "SIP/2.0 1") {
		return
	}
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		if v := lineOf(answer, name); v != "" {
			r.wants = name + ": " + v
		}
	}
	if !strings.HasPrefix(request, "INVITE") || !strings.HasSuffix(lineOf(answer, "CSeq"), " INVITE") {
		return
	}
	if !strings.HasPrefix(answer, "SIP/2.0 2") {
		r.send(side, follow(request, "ACK", lineOf(answer, "To"), "", ""))
		return
	}
	if lineOf(answer, "Contact") == "" {
		return
	}
	r.answer = answer
	r.send(side, r.within("ACK"))
}

// within is a request in the dialog of the last 2xx.
func (r *flowRun) within(method string) string {
	var routes string
	for _, line := range linesOf(r.answer, "Record-Route") {
		routes = "Route" + strings.TrimPrefix(line, "Record-Route") + "\r\n" + routes
	}
	contact := lineOf(r.answer, "Contact")
	contact = contact[strings.Index(contact, "<")+1:]
	contact, _, _ = strings.Cut(contact, ">")
	return follow(r.first, method, lineOf(r.answer, "To"), contact, routes)
}

// backwards is the callee's BYE.
func (r *flowRun) backwards(invite string) string {
	contact := lineOf(invite, "Contact")
	contact = contact[strings.Index(contact, "<")+1:]
	contact, _, _ = strings.Cut(contact, ">")
	var routes string
	for _, line := range linesOf(invite, "Record-Route") {
		routes += "Route" + strings.TrimPrefix(line, "Record-Route") + "\r\n"
	}
	id := lineOf(invite, "Call-ID")
	return fmt.Sprintf("BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP {B};rport;branch=z9hG4bK-fixback%s\r\nMax-Forwards: 70\r\n%sFrom: %s;tag=fixB\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n",
		contact, id, routes, lineOf(invite, "To"), lineOf(invite, "From"), id)
}

// follow is a request that belongs to another one: its CANCEL and the ACK of a failure have its
// branch, those of a dialog one of their own.
func follow(first, method, to, uri, routes string) string {
	head, _, _ := strings.Cut(first, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	_, rest, _ := strings.Cut(lines[0], " ")
	if uri != "" {
		rest = uri + " SIP/2.0"
	}
	out := []string{method + " " + rest}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if long := shortNames[name]; long != "" {
			line = long + ": " + value
		}
		switch name, _, _ := strings.Cut(line, ": "); name {
		case "Via":
			if uri != "" {
				line = strings.Replace(line, "branch=z9hG4bK-fix", "branch=z9hG4bK-fix"+method, 1)
			}
		case "To":
			if to != "" {
				line = "To: " + to
			}
		case "CSeq":
			n := strings.Fields(line)[1]
			if uri != "" && method != "ACK" {
				n = map[string]string{"INFO": "12", "UPDATE": "13", "INVITE": "14", "REFER": "15", "MESSAGE": "16", "OPTIONS": "17", "BYE": "19"}[method]
			}
			line = "CSeq: " + n + " " + method
		case "From", "Call-ID", "Max-Forwards", "Contact":
		default:
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "\r\n") + "\r\n" + routes + "Content-Length: 0\r\n\r\n"
}

// withCredentials is a request that answers a challenge.
func withCredentials(request, challenge, account string) string {
	name, params, _ := strings.Cut(challenge, ": ")
	user, password, _ := strings.Cut(account, ":")
	method, rest, _ := strings.Cut(request, " ")
	uri, _, _ := strings.Cut(rest, " ")
	realm, nonce := quoted(params, "realm"), quoted(params, "nonce")
	if user == "old" { // a nonce that was never given
		user, nonce = "alice", "0000"+nonce
	}
	response := hashed(hashed(user+":"+realm+":"+password), nonce, hashed(method+":"+uri))
	if strings.Contains(params, "qop=") {
		response = hashed(hashed(user+":"+realm+":"+password), nonce, "00000001", "c", "auth", hashed(method+":"+uri))
	}
	line := fmt.Sprintf(`%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5`,
		map[string]string{"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}[name], user, realm, nonce, uri, response)
	if strings.Contains(params, "qop=") {
		line += `, qop=auth, nc=00000001, cnonce="c"`
	}
	if opaque := quoted(params, "opaque"); opaque != "" {
		line += `, opaque="` + opaque + `"`
	}
	request = strings.Replace(request, "CSeq: 1 ", "CSeq: 2 ", 1)
	request = strings.Replace(request, "branch=z9hG4bK-fix", "branch=z9hG4bK-fixauth", 1)
	return strings.Replace(request, "Content-Length:", line+"\r\nContent-Length:", 1)
}

func quoted(params, name string) string {
	_, rest, _ := strings.Cut(params, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func hashed(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}
