package interop

// Flows that go another way here, each with its reason.

import "regexp"

// kemiFlowRule allows a flow to go another way. theirs and ours are what flowRun.summary says of it
// at Kamailio and here.
type kemiFlowRule struct {
	why                 string
	flows, theirs, ours *regexp.Regexp
}

func (r kemiFlowRule) key() string { return r.why + ": " + r.theirs.String() + " / " + r.ours.String() }

// flowRules makes rules of reasons, flows, and how they go there and here.
func flowRules(rows [][4]string) []kemiFlowRule {
	var list []kemiFlowRule
	exactly := func(s string) *regexp.Regexp { return regexp.MustCompile("^(" + s + ")$") }
	for _, r := range rows {
		list = append(list, kemiFlowRule{r[0], exactly(r[1]), exactly(r[2]), exactly(r[3])})
	}
	return list
}

// stockFlowRules are those of the stock script.
func stockFlowRules() []kemiFlowRule {
	return flowRules([][4]string{
		{"a PRACK needs credentials like any request", "PRACK/.*/a user", "A:(200 B:PRACK|404|484)", "A:407,(200 B:PRACK|404|484)"},
		{"a PRACK needs credentials like any request", "PRACK/.*/a user without credentials", "A:(200 B:PRACK|404|484)", "A:407"},
		{"one answer to a REGISTER that is refused", "REGISTER/(all but|star with time)", "A:401,400,500", "A:401,400"},
		{"one answer where the next hop cannot be reached", "call/callee with a private contact/.*", "A:407,200(,500,477)+ B:INVITE", "A:407,200(,500)+ B:INVITE"},
		{"one answer, and no relay along another's Route", "INVITE/with/Record-Route of another", "A:407,200,500,477 B:INVITE", "A:407,200,481 B:INVITE"},
		{"no relay for strangers along a Route of theirs", "within/.*/another's Route", "A:200 B:[A-Z]+", "A:481"},
		{"no relay for strangers along a Route of theirs", "within/ACK/another's Route", "B:ACK", ""},
		{"Proxy-Require is looked at (RFC 3261 §16.3 step 5)", ".*/with/Proxy-Require", "A:407,200.*", "A:420"},
		{"of failures of one class the first goes up", "fork/(both busy|busy and missing|cancelled)", "A:407,(180,180,200,)?4.*", "A:407,(180,180,200,)?48[67] .*"},
		{"what is malformed is answered", "malformed/.*/(no (CSeq|Call-ID|From|To|version)|Content-Length is text|a header without a colon|To without brackets closed)", "", "A:400"},
		{"another version is answered (RFC 3261 §21.5.6)", "malformed/.*/version", "", "A:505"},
		{"the same Content-Length twice is no contradiction", "malformed/.*/Content-Length twice", "", "A:200 B:.*"},
		{"an Expires that is malformed counts as none", "malformed/.*/Expires is text", "A:400", "A:200 B:.*"},
		{"Max-Forwards that is no number is malformed", "malformed/.*/Max-Forwards is text", "A:483", "A:400"},
		{"OPTIONS that may not go on is answered for this server (RFC 3261 §16.3 step 3)", "malformed/OPTIONS/Max-Forwards 0", "A:483", "A:200"},
		{"another scheme is answered 416 (RFC 3261 §16.3 step 2)", "malformed/.*/URI of another scheme", "A:400", "A:416"},
		{"a scheme has no case (RFC 3986 §3.1)", "shape/.*/a scheme in capitals", "A:403", "A:200.*"},
	})
}

// convertedFlowRules are those of what `sipscript kemi convert` makes of it.
func convertedFlowRules() []kemiFlowRule {
	return flowRules([][4]string{
		{"a translation compares the user of a PUBLISH with From", "PUBLISH[ /].*", "A:407,407", `A:407,\d+( B:PUBLISH)?`},
	})
}
