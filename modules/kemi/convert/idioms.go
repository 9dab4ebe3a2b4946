package convert

// What KSR's functions become: those that ask.

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// idiom translates a call whose value is wanted.
type idiom func(f *fn, args []syntax.Expr, line int) expr

// idle are functions that the server does without being asked, with why they are left out. They
// succeed.
var idle = map[string]string{
	"force_rport": "replies always go to the source port", "add_local_rport": "our Via has rport", "set_reply_no_connect": "replies go on the connection of the request",
	"set_reply_close": "idle connections end in time", "set_forward_no_connect": "nothing to do", "set_forward_close": "nothing to do",
	"maxfwd.process_maxfwd": "Max-Forwards is looked at before route, and lowered when the request goes on", "sanity.sanity_check": "malformed messages are answered before route",
	"sanity.sanity_check_defaults": "malformed messages are answered before route", "tm.t_newtran": "every request is a transaction", "tm.t_release": "transactions end by themselves",
	"tm.t_set_auto_inv_100": "100 goes out by itself after 200 ms", "tm.t_set_disable_internal_reply": "a caller always gets an answer",
	"auth.consume_credentials": "credentials of ours never go on", "nathelper.fix_nated_register": "a registered client is called where its REGISTER came from",
	"nathelper.set_contact_alias": "requests within a dialog reach a client behind a NAT by our Record-Route", "nathelper.add_contact_alias": "requests within a dialog reach a client behind a NAT by our Record-Route",
	"nathelper.handle_ruri_alias": "requests within a dialog reach a client behind a NAT by our Record-Route", "nathelper.fix_nated_contact": "requests within a dialog reach a client behind a NAT by our Record-Route",
	"textopsx.msg_apply_changes": "what was changed is read at once", "siptrace.sip_trace": "--hep exports all messages", "sqlops.sql_result_free": "rows are let go by themselves",
	"rtpproxy.rtpproxy_manage": "media passes rtpengine: rtpengine.manage(req)",
}

// status is a call that succeeds where a condition holds.
func status(text string) expr { return statusOf(reading(text)) }

func statusOf(x expr) expr {
	x.status, x.good, x.bad = true, 1, -1
	return x
}

func fixed(n bool, why string) idiom {
	return func(f *fn, _ []syntax.Expr, line int) expr {
		if why != "" {
			f.c.leave(why, line, "retransmissions, the CANCEL of a known INVITE and the ACK of a failure never reach route")
		}
		return statusOf(known(n))
	}
}

func asks(text string) idiom {
	return func(*fn, []syntax.Expr, int) expr { return reading(text) }
}

func succeeds(text string) idiom {
	return func(*fn, []syntax.Expr, int) expr { return status(text) }
}

// runsAt is a question for the place.
func runsAt(at ...place) idiom {
	return func(f *fn, _ []syntax.Expr, _ int) expr {
		for _, p := range at {
			if p == f.key.at {
				return statusOf(known(true))
			}
		}
		return statusOf(known(false))
	}
}

// methodLetters are those of is_method_in.
var methodLetters = map[rune]string{'I': "INVITE", 'A': "ACK", 'B': "BYE", 'C': "CANCEL", 'M': "MESSAGE", 'R': "REGISTER", 'S': "SUBSCRIBE", 'N': "NOTIFY", 'O': "OPTIONS",
	'E': "PRACK", 'P': "PUBLISH", 'F': "REFER", 'U': "UPDATE"}

// questions are the idioms by the functions' names.
func questions() map[string]idiom {
	idioms := map[string]idiom{
		"is_myself_ruri": asks("sip.is_local(req.ruri)"), "is_myself_furi": asks("sip.is_local(req.from.uri)"), "is_myself_turi": asks("sip.is_local(req.to.uri)"),
		"is_myself_srcip": asks("sip.listens_at(req.source.ip)"), "is_myself": oneArg("sip.is_local(%s)", false), "is_WS": asks(`req.source.transport:find("^ws")`),
		"is_method_in": methodIn, "is_method": methodList, "isdsturiset": func(f *fn, _ []syntax.Expr, _ int) expr { return known(f.dest != "" && f.dest != along) },
		"isflagset": flagTest(""), "isbflagset": flagTest("b"), "siputils.has_totag": succeeds("req.in_dialog"), "siputils.is_first_hop": succeeds(`#req:headers("Via") == 1`),
		"siputils.is_request": runsAt(inRequest, inBranch, inFailure), "siputils.is_reply": runsAt(inReply), "tmx.t_is_request_route": runsAt(inRequest), "tmx.t_is_branch_route": runsAt(inBranch),
		"tmx.t_is_reply_route": runsAt(inReply), "tmx.t_is_failure_route": runsAt(inFailure), "corex.has_ruri_user": succeeds("req.ruri.user"), "corex.has_user_agent": succeeds("req.user_agent"),
		"tm.t_check_trans": fixed(false, "tm.t_check_trans"), "tm.t_lookup_request": fixed(false, "tm.t_lookup_request"), "tmx.t_precheck_trans": fixed(false, "tmx.t_precheck_trans"),
		"tm.t_is_set": fixed(false, ""), "tm.t_is_canceled": succeeds("req.cancelled"), "tm.t_check_status": checkStatus, "tm.t_any_timeout": cause, "tm.t_branch_timeout": cause,
		"tm.t_get_status_code": asks("res.code"), "kx.get_status": asks("res.code"), "rr.loose_route": looseRoute, "rr.check_route_param": routeParam, "nathelper.nat_uac_test": natTest,
		"permissions.allow_source_address": sourceGroup, "pike.pike_check_req": pike, "htable.sht_match_name": matchName, "htable.sht_get": tableGet, "htable.sht_gete": tableGete,
		"htable.sht_is_null": tableNull, "htable.sht_inc": tableInc(1), "htable.sht_dec": tableInc(-1), "hdr.get": header, "hdr.gete": headerE, "hdr.is_present": headerThere, "textops.is_present_hf": headerThere,
		"textops.has_body": succeeds("req.body"), "dialog.is_known_dlg": dialogKnown, "registrar.lookup": lookup, "registrar.registered": registered, "registrar.save": save, "tm.t_relay": relayValue,
		"dispatcher.ds_select_dst": selectGateway, "dispatcher.ds_select_domain": selectGateway, "dispatcher.ds_select": selectGateway, "dispatcher.ds_is_from_list": isFromSet, "sqlops.sql_query": sqlQuery,
		"dispatcher.ds_next_dst": nextGateway, "dispatcher.ds_next_domain": nextGateway, "sqlops.sql_num_rows": sqlRows, "sqlops.sql_result_get": sqlCell, "sqlops.sql_is_null": sqlNull, "auth_db.auth_check": authCheck,
		"siputils.is_numeric": oneArg(`%s:find("^%%d+$")`, true), "siputils.is_uri": oneArg("sip.uri(%s)", true), "textops.has_body_type": bodyType, "msilo.m_store": storeMessage, "msilo.mstore": storeMessage, "pv.is_null": isNull,
	}
	for _, m := range methodLetters {
		idioms["is_"+m] = asks(`req:is("` + m + `")`)
	}
	idioms["is_INFO"] = asks(`req:is("INFO")`)
	for _, t := range []string{"TCP", "UDP", "TLS"} {
		idioms["is_"+t] = asks(`req.source.transport == "` + strings.ToLower(t) + `"`)
	}
	return idioms
}

// oneArg is a format of the first argument.
func oneArg(format string, number bool) idiom {
	return func(f *fn, args []syntax.Expr, _ int) expr {
		x := reading(fmt.Sprintf(format, prefix(f.value(args[0]))))
		if number {
			return statusOf(x)
		}
		return x
	}
}

func methodIn(f *fn, args []syntax.Expr, _ int) expr {
	s, ok := args[0].(*syntax.String)
	if !ok {
		f.decide("KSR.is_method_in with letters made at run time: req:is takes names")
		return known(false)
	}
	var list []string
	for _, l := range strings.ToUpper(s.Value) {
		if m := methodLetters[l]; m != "" {
			list = append(list, quoted(m))
		}
	}
	if len(list) == 0 {
		return known(false)
	}
	return reading("req:is(" + strings.Join(list, ", ") + ")")
}

func methodList(f *fn, args []syntax.Expr, _ int) expr {
	s, ok := args[0].(*syntax.String)
	if !ok {
		return reading("req:is(" + f.value(args[0]).text + ")")
	}
	var list []string
	for m := range strings.SplitSeq(s.Value, "|") {
		list = append(list, quoted(strings.ToUpper(strings.TrimSpace(m))))
	}
	return reading("req:is(" + strings.Join(list, ", ") + ")")
}

// flagName is the variable of a flag.
func (f *fn) flagName(kind string, e syntax.Expr) string {
	if id, ok := e.(*syntax.Ident); ok {
		return "req.vars." + id.Value
	}
	return "req.vars." + kind + "flag" + f.value(e).text
}

func flagTest(kind string) idiom {
	return func(f *fn, args []syntax.Expr, _ int) expr {
		name := f.flagName(kind, args[0])
		if len(f.c.facts.sum) > 0 && !f.c.facts.flags["set "+name] {
			return known(false)
		}
		return reading(name)
	}
}

// checkStatus is a regular expression of codes as a comparison of numbers.
func checkStatus(f *fn, args []syntax.Expr, _ int) expr {
	s, ok := args[0].(*syntax.String)
	if ok {
		if re, err := regexp.Compile(s.Value); err == nil {
			return statusOf(codes(re))
		}
	}
	return status("tostring(res.code):find(" + f.value(args[0]).text + ")")
}

// codes is the condition that a code is one of those that an expression matches.
func codes(re *regexp.Regexp) expr {
	var list []string
	for from := 100; from < 700; from++ {
		if !re.MatchString(strconv.Itoa(from)) {
			continue
		}
		to := from
		for to < 699 && re.MatchString(strconv.Itoa(to+1)) {
			to++
		}
		switch {
		case to == from:
			list = append(list, fmt.Sprintf("res.code == %d", from))
		case from == 100:
			list = append(list, fmt.Sprintf("res.code <= %d", to))
		case to == 699:
			list = append(list, fmt.Sprintf("res.code >= %d", from))
		default:
			list = append(list, fmt.Sprintf("res.code >= %d and res.code <= %d", from, to))
		}
		from = to
	}
	switch len(list) {
	case 0:
		return known(false)
	case 1:
		level := compareLevel
		if strings.Contains(list[0], " and ") {
			level = andLevel
		}
		return expr{text: list[0], level: level, pure: true}
	}
	return expr{text: strings.Join(list, " or "), level: orLevel, pure: true}
}

func cause(*fn, []syntax.Expr, int) expr {
	return statusOf(expr{text: `res.cause == "timeout"`, level: compareLevel, pure: true})
}

// looseRoute is whether the request follows a Route. Its relay goes along it.
func looseRoute(f *fn, _ []syntax.Expr, _ int) expr {
	f.dest = along
	return statusOf(expr{text: "req.route_params or #req.routes > 0", level: orLevel, pure: true})
}

var parameter = regexp.MustCompile(`^;?([A-Za-z_][\w-]*)=([\w.-]+)$`)

func routeParam(f *fn, args []syntax.Expr, _ int) expr {
	if s, ok := args[0].(*syntax.String); ok {
		if m := parameter.FindStringSubmatch(s.Value); m != nil {
			return statusOf(expr{text: "req.route_params and req.route_params." + m[1] + " == " + quoted(m[2]), level: andLevel, pure: true})
		}
	}
	f.decide("KSR.rr.check_route_param searches by a regular expression: req.route_params.NAME is a parameter of our Record-Route")
	return statusOf(known(false))
}

func natTest(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["nat"] = true
	return status("nat.detect(" + f.message() + ")")
}

func sourceGroup(f *fn, args []syntax.Expr, _ int) expr {
	f.c.next.modules["acl"] = true
	group := f.value(args[0])
	if _, ok := number(args[0]); ok {
		f.c.next.groups[group.text] = true
		return status("acl.check(req, " + quoted("group"+group.text) + ")")
	}
	return status("acl.check(req, \"group\" .. " + in(group, concatLevel) + ")")
}

func pike(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["limit"] = true
	unit, density := "2", "30"
	if c := f.c.config; c != nil {
		unit, density = c.Param("pike", "sampling_time_unit", unit), c.Param("pike", "reqs_density_per_unit", density)
	}
	x := status("limit.window(req.source.ip, " + density + ", " + unit + ")")
	x.pure = false
	return x
}

func dialogKnown(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["dialog"] = true
	return status("dialog.of(req)")
}

func bodyType(f *fn, args []syntax.Expr, _ int) expr {
	return statusOf(expr{text: "req.content_type == " + f.value(args[0]).text, level: compareLevel, pure: true})
}

func storeMessage(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["messages"] = true
	return expr{text: "messages.store(req)", level: atom, status: true, good: 1, bad: -1, deciding: true}
}

// message is what a function runs for.
func (f *fn) message() string {
	switch f.key.at {
	case inBranch:
		return "branch"
	case inReply, inFailure:
		if f.key.at == inReply {
			return "res"
		}
	}
	return "req"
}

func header(f *fn, args []syntax.Expr, _ int) expr {
	return reading(f.message() + ":header(" + f.value(args[0]).text + ")")
}

func headerE(f *fn, args []syntax.Expr, line int) expr {
	return orElse(header(f, args, line), `""`)
}

func headerThere(f *fn, args []syntax.Expr, line int) expr {
	return statusOf(header(f, args, line))
}

func registered(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["registrar"] = true
	return statusOf(expr{text: "#(registrar.lookup(req.ruri) or {}) > 0", level: compareLevel, pure: true})
}
