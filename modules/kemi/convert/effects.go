package convert

// What KSR's functions become: those that do something.

import (
	"regexp"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// effect translates a call for what it does.
type effect func(f *fn, args []syntax.Expr, line int) []node

// effects are the effects by the functions' names.
func effects() map[string]effect {
	doing := map[string]effect{
		"x.exit": func(f *fn, _ []syntax.Expr, _ int) []node { return f.exit() }, "x.drop": drop, "set_drop": setDrop, "sl.send_reply": reply, "sl.sl_send_reply": reply, "tm.t_reply": reply, "tm.t_send_reply": reply,
		"sl.sl_reply_error": replyError, "tm.t_relay": relay, "rr.record_route": recordRoute, "rr.add_rr_param": addParam, "tm.t_on_branch": arms("tm.t_on_branch"), "tm.t_on_reply": arms("tm.t_on_reply"),
		"tm.t_on_failure": arms("tm.t_on_failure"), "setflag": setFlag(""), "setbflag": setFlag("b"), "resetflag": resetFlag(""), "resetbflag": resetFlag("b"), "hdr.append": appendHeader, "hdr.insert": appendHeader,
		"textops.remove_hf": removeHeader, "hdr.remove": removeHeader, "hdr.append_to_reply": appendToReply, "htable.sht_seti": tableSet, "htable.sht_sets": tableSet, "htable.sht_setxs": tableSet, "htable.sht_setxi": tableSet,
		"htable.sht_rm": tableRemove, "htable.sht_reset": tableReset, "seturi": setURI("req.ruri"), "setuser": setURI("req.ruri.user"), "sethost": setURI("req.ruri.host"), "setdsturi": setNextHop, "resetdsturi": resetNextHop,
		"registrar.unregister": unregister, "auth.auth_challenge": challengeAlone, "dialog.dlg_manage": track, "pv.sets": setVariable, "pv.seti": setVariable, "pv.unset": unsetVariable, "pvx.var_sets": setVar, "pvx.var_seti": setVar,
		"forward": forward, "textops.set_body": setBody, "acc.acc_request": account,
	}
	for name, level := range map[string]string{"dbg": "debug", "info": "info", "notice": "info", "warn": "warn", "err": "error", "crit": "error",
		"xlog.xdbg": "debug", "xlog.xinfo": "info", "xlog.xnotice": "info", "xlog.xwarn": "warn", "xlog.xerr": "error"} {
		doing[name] = func(f *fn, args []syntax.Expr, _ int) []node {
			return f.logging(level, args[0], strings.HasPrefix(name, "x"))
		}
	}
	doing["log"] = func(f *fn, args []syntax.Expr, _ int) []node { return f.logAt(args) }
	for _, name := range []string{"manage", "offer", "answer", "delete"} {
		doing["rtpengine.rtpengine_"+name] = media(name)
		doing["rtpengine.rtpengine_"+name+"0"] = media(name)
	}
	return doing
}

func drop(f *fn, _ []syntax.Expr, _ int) []node {
	out := setDrop(f, nil, 0)
	return append(out, f.exit()...)
}

// setDrop drops a provisional response. In a request it does nothing there.
func setDrop(f *fn, _ []syntax.Expr, _ int) []node {
	switch f.key.at {
	case inReply:
		return []node{{head: "if not res.final then", block: true, body: []node{{head: "res:drop()"}}, tail: "end"}}
	case inBranch:
		f.decide("a branch cannot be dropped in on_branch: leave its target out of what req:relay is given")
	}
	return nil
}

// reply answers.
func reply(f *fn, args []syntax.Expr, _ int) []node {
	code := f.value(args[0])
	if code.literal != nil {
		code = reading(*code.literal)
	}
	reason := f.value(args[1])
	list := []string{code.text}
	if reason.literal == nil || *reason.literal != "" {
		list = append(list, asText(reason))
	}
	if h := f.takeAnswers(); h != "" {
		list = append(list, "{ "+h+" }")
	}
	text := "req:reply(" + strings.Join(list, ", ") + ")"
	if n, ok := number(args[0]); ok && n < 200 {
		return []node{{head: text}}
	}
	f.decided = decided
	return []node{{head: text, calls: text}}
}

// takeAnswers are the headers that append_to_reply noted.
func (f *fn) takeAnswers() string {
	if len(f.answers) == 0 {
		return ""
	}
	text := "headers = { " + strings.Join(f.answers, ", ") + " }"
	f.answers = nil
	return text
}

func replyError(f *fn, _ []syntax.Expr, line int) []node {
	if f.decided == decided {
		f.c.leave("sl.sl_reply_error", line, "the server answers what it cannot relay")
		return nil
	}
	f.decided = decided
	return []node{{head: "req:reply(500)", calls: "req:reply(500)"}}
}

func recordRoute(f *fn, _ []syntax.Expr, _ int) []node {
	text := "req:record_route()"
	if len(f.rrParams) > 0 {
		text = "req:record_route { " + strings.Join(f.rrParams, ", ") + " }"
		f.rrParams = nil
	}
	return one(text)
}

func addParam(f *fn, args []syntax.Expr, _ int) []node {
	s, ok := args[0].(*syntax.String)
	m := []string(nil)
	if ok {
		m = parameter.FindStringSubmatch(s.Value)
	}
	if m == nil || f.key.at != inRequest {
		f.decide("KSR.rr.add_rr_param: req:record_route { name = value } before the request is relayed; req.route_params.name has it later")
		return nil
	}
	return one("req:record_route { " + m[1] + " = " + quoted(m[2]) + " }")
}

// setFlag sets a variable where something asks for it. Those that only Kamailio's modules read are
// left out.
func setFlag(kind string) effect {
	return func(f *fn, args []syntax.Expr, line int) []node {
		name := f.flagName(kind, args[0])
		f.c.next.flags["set "+name] = true
		if !f.c.facts.flags[name] {
			short := strings.TrimPrefix(name, "req.vars.")
			why := "nothing here asks for it"
			if strings.Contains(strings.ToUpper(short), "ACC") {
				why = "nothing here asks for it; where it marks calls for accounting: acc.record(req), once, before the INVITE is relayed, and acc.configure { to = … }"
			}
			f.c.leave("the flag "+short, line, why)
			return nil
		}
		return one(name + " = true")
	}
}

func resetFlag(kind string) effect {
	return func(f *fn, args []syntax.Expr, _ int) []node {
		name := f.flagName(kind, args[0])
		if !f.c.facts.flags[name] {
			return nil
		}
		return one(name + " = nil")
	}
}

var headerStart = regexp.MustCompile(`^\s*([A-Za-z0-9!#$%&'*+.^_|~-]+)\s*:\s*`)

// headerOf is the name and the value of a header that is written as a line.
func (f *fn) headerOf(e syntax.Expr) (name, value string, ok bool) {
	x := f.value(e)
	pieces := x.pieces
	if pieces == nil {
		pieces = []expr{x}
	}
	if pieces[0].literal == nil {
		return "", "", false
	}
	m := headerStart.FindStringSubmatch(*pieces[0].literal)
	if m == nil {
		return "", "", false
	}
	pieces = append([]expr{}, pieces...)
	pieces[0] = quote((*pieces[0].literal)[len(m[0]):])
	if last := &pieces[len(pieces)-1]; last.literal != nil {
		*last = quote(strings.TrimRight(*last.literal, "\r\n"))
	}
	var rest []expr
	for _, p := range pieces {
		if p.literal == nil || *p.literal != "" {
			rest = append(rest, p)
		}
	}
	switch len(rest) {
	case 0:
		return m[1], `""`, true
	case 1:
		if rest[0].literal == nil {
			return m[1], "tostring(" + rest[0].text + ")", true
		}
	}
	return m[1], concatenation(rest).text, true
}

func appendHeader(f *fn, args []syntax.Expr, _ int) []node {
	name, value, ok := f.headerOf(args[0])
	if !ok {
		f.decide("a header whose name is made at run time: req:add_header(name, value)")
		return nil
	}
	return one(f.message() + ":add_header(" + quoted(name) + ", " + value + ")")
}

func removeHeader(f *fn, args []syntax.Expr, line int) []node {
	if s, ok := args[0].(*syntax.String); ok && strings.EqualFold(s.Value, "Route") {
		f.c.leave("hdr.remove(\"Route\")", line, "a target takes the place of the Route that the sender wrote")
		return nil
	}
	return one(f.message() + ":remove_header(" + f.value(args[0]).text + ")")
}

func appendToReply(f *fn, args []syntax.Expr, _ int) []node {
	name, value, ok := f.headerOf(args[0])
	if !ok {
		f.decide("a header whose name is made at run time: the option headers of req:reply")
		return nil
	}
	field := name
	if !plainName.MatchString(name) {
		field = "[" + quoted(name) + "]"
	}
	f.answers = append(f.answers, field+" = "+value)
	return nil
}

func tableSet(f *fn, args []syntax.Expr, _ int) []node {
	text := f.dictionary(args[0]) + ":set(" + asText(f.value(args[1])) + ", " + asText(f.value(args[2]))
	if len(args) > 3 {
		text += ", " + f.value(args[3]).text
	}
	return one(text + ")")
}

func tableRemove(f *fn, args []syntax.Expr, _ int) []node {
	return one(f.dictionary(args[0]) + ":delete(" + asText(f.value(args[1])) + ")")
}

func tableReset(f *fn, args []syntax.Expr, _ int) []node {
	return one(f.dictionary(args[0]) + ":flush()")
}

// setURI assigns the Request-URI, or a part of it.
func setURI(what string) effect {
	return func(f *fn, args []syntax.Expr, _ int) []node {
		if f.key.at == inBranch {
			what = strings.Replace(what, "req.", "branch.", 1)
		}
		if f.dest != "targets" || !f.c.facts.sum[f.key].Targets {
			f.dest = ""
		}
		return one(what + " = " + f.value(args[0]).text)
	}
}

// setNextHop has the request sent elsewhere than its Request-URI says.
func setNextHop(f *fn, args []syntax.Expr, _ int) []node {
	x := f.setDestination("{ uri = req.ruri, next_hop = "+f.value(args[0]).text+" }", true)
	_ = x
	return nil
}

func resetNextHop(f *fn, _ []syntax.Expr, _ int) []node {
	f.dest = ""
	return nil
}

func unregister(f *fn, args []syntax.Expr, _ int) []node {
	f.c.next.modules["registrar"] = true
	return one("registrar.remove(" + f.value(args[1]).text + ")")
}

func track(f *fn, _ []syntax.Expr, _ int) []node {
	f.c.next.modules["dialog"] = true
	if len(f.conditions) > 0 {
		return one("dialog.track(req)")
	}
	return []node{{head: `if req:is("INVITE") and not req.in_dialog then`, block: true, body: []node{{head: "dialog.track(req)"}}, tail: "end"}}
}

func forward(f *fn, _ []syntax.Expr, _ int) []node {
	text := "req:forward(" + f.destination() + ")"
	f.decided = decided
	return []node{{head: text, calls: text}}
}

func setBody(f *fn, args []syntax.Expr, _ int) []node {
	return one(f.message() + ":set_body(" + f.values(args) + ")")
}

func account(f *fn, _ []syntax.Expr, _ int) []node {
	f.decide("acc.record(req), once, before the INVITE is relayed, and acc.configure { to = … }")
	return nil
}

// media is done once for a call, before its INVITE is relayed.
func media(name string) effect {
	return func(f *fn, args []syntax.Expr, line int) []node {
		f.c.next.modules["rtpengine"] = true
		if len(args) > 0 {
			if s, ok := args[0].(*syntax.String); ok && s.Value != "" && f.c.next.mediaOpts == "" {
				f.c.next.mediaOpts = s.Value
			}
		}
		asked := ""
		for _, c := range f.conditions {
			asked += c.text + "\n"
		}
		if f.key.at != inRequest || name == "answer" || name == "delete" || strings.Contains(asked, "req.in_dialog\n") && !strings.Contains(asked, "not req.in_dialog\n") || strings.Contains(asked, "req.route_params") {
			f.c.next.media[inReply] = true
			f.c.leave("calls of rtpengine within dialogs, for branches, responses and failures", line, "rtpengine.manage(req) follows the call by itself")
			return nil
		}
		f.c.next.media[inRequest] = true
		if strings.Contains(asked, "req:is(\"INVITE\")\n") {
			return one(f.c.manage())
		}
		return manageInvite(f.c)
	}
}

func manageInvite(c *conv) []node {
	return []node{{head: `if req:is("INVITE") and not req.in_dialog then`, block: true, body: []node{{head: c.manage()}}, tail: "end"}}
}

// manage is the call of rtpengine.manage with what the flags of the script ask for.
func (c *conv) manage() string {
	var list []string
	for word := range strings.FieldsSeq(c.facts.mediaOpts) {
		switch name, value, _ := strings.Cut(word, "="); {
		case strings.EqualFold(name, "ice") && (value == "remove" || value == "force"):
			list = append(list, "ice = "+quoted(value))
		case strings.Contains(word, "RTP/"):
			list = append(list, "transport = "+quoted(word))
		case word == "rtcp-mux-demux" || word == "rtcp-mux-accept" || word == "rtcp-mux-offer" || word == "rtcp-mux-require":
			list = append(list, "rtcp_mux = "+quoted(strings.TrimPrefix(word, "rtcp-mux-")))
		}
	}
	if len(list) == 0 {
		return "rtpengine.manage(req)"
	}
	return "rtpengine.manage(req, { callee = { " + strings.Join(list, ", ") + " } })"
}
