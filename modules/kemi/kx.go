package kemi

// KSR.kx, KSR.corex, KSR.siputils, KSR.maxfwd, KSR.sanity: what is asked of a message.

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// kxVariables are what KSR.kx has a get_, gete_ and getw_ for.
var kxVariables = []struct{ name, variable string }{
	{"ruri", "$ru"}, {"ouri", "$ou"}, {"duri", "$du"}, {"furi", "$fu"}, {"turi", "$tu"}, {"ruser", "$rU"}, {"fuser", "$fU"}, {"tuser", "$tU"}, {"rhost", "$rd"}, {"fhost", "$fd"},
	{"thost", "$td"}, {"ftag", "$ft"}, {"ttag", "$tt"}, {"au", "$au"}, {"ad", "$ad"}, {"ua", "$ua"}, {"cseq", "$cs"}, {"callid", "$ci"}, {"method", "$rm"}, {"srcip", "$si"}, {"srcport", "$sp"},
	{"rcvip", "$Ri"}, {"rcvport", "$Rp"}, {"proto", "$pr"}, {"body", "$rb"}, {"srcuri", "$su"},
}

func kxRows() []Row {
	var rows []Row
	known := API() // which of the three there are
	for _, x := range kxVariables {
		v, err := pv.Parse(x.variable)
		if err != nil {
			continue
		}
		get := func(k *call) pv.Value {
			value := k.value(v)
			if x.name == "body" && value.Text == "" {
				return pv.Value{}
			}
			return value
		}
		for _, row := range []Row{
			{Name: "kx.get_" + x.name, Does: x.variable, call: func(k *call) int { return k.push(get(k)) }},
			{Name: "kx.gete_" + x.name, Does: x.variable + `, "" for none`, call: func(k *call) int { return k.push(or(get(k), "")) }},
			{Name: "kx.getw_" + x.name, Does: x.variable + `, "<null>" for none`, call: func(k *call) int { return k.push(or(get(k), "<null>")) }},
		} {
			if s, there := known[row.Name]; there {
				row.Result = s.Result
				rows = append(rows, row)
			}
		}
	}
	return append(rows, []Row{
		{Name: "kx.get_status", Result: "int", Does: "the code of a reply, -1 elsewhere", call: func(k *call) int {
			if k.f.kind == inReply {
				return k.num(k.f.res.Code())
			}
			return k.num(-1)
		}},
		{Name: "kx.get_timestamp", Result: "int", Does: "the time in seconds", call: func(k *call) int { return k.num(int(k.c.Now().Unix())) }},
		{Name: "kx.get_msglen", Result: "int", Does: "the length of the message", call: func(k *call) int { return k.num(len(k.message().Original())) }},
		{Name: "kx.get_bodylen", Result: "int", Does: "the length of the body", call: func(k *call) int { return k.num(len(k.message().Body())) }},
		{Name: "corex.has_ruri_user", Result: "int", Does: "whether the Request-URI has a user", call: func(k *call) int {
			u, err := message.ParseURI([]byte(k.uri()))
			return k.is(err == nil && len(u.User) > 0)
		}},
		{Name: "corex.has_user_agent", Result: "int", Does: "whether there is a User-Agent", call: func(k *call) int { return k.is(k.message().Header(message.HeaderUserAgent) != nil) }},
		{Name: "maxfwd.process_maxfwd", Params: "i", Result: "int", Does: "nothing: Max-Forwards is lowered when the request goes on, and 0 was answered 483",
			Differs: "the header is lowered on the wire only, and a request with 0 never comes here; without the header 2 is returned and 70 is sent", call: func(k *call) int {
				if _, ok, _ := k.s.req.Message().MaxForwards(); ok {
					return k.num(1)
				}
				return k.num(2)
			}},
		{Name: "sanity.sanity_check", Params: "ii", Result: "int", Does: "nothing: malformed requests were answered before", Differs: "a malformed message never comes here: it was answered 400, or dropped", call: one},
		{Name: "sanity.sanity_check_defaults", Result: "int", Does: "as sanity_check", call: one},
		{Name: "siputils.has_totag", Result: "int", Does: "whether To has a tag", call: func(k *call) int {
			a, err := k.message().To()
			return k.is(err == nil && len(a.Tag()) > 0)
		}},
		{Name: "siputils.is_request", Result: "int", Does: "whether the message is a request", call: func(k *call) int { return k.is(k.f.kind != inReply) }},
		{Name: "siputils.is_reply", Result: "int", Does: "whether the message is a reply", call: func(k *call) int { return k.is(k.f.kind == inReply) }},
		{Name: "siputils.is_first_hop", Result: "int", Does: "whether the message came from the client itself: it has one Via", call: func(k *call) int { return k.is(k.message().Direct()) }},
		{Name: "siputils.is_numeric", Params: "s", Result: "int", Does: "whether a text is digits only", call: func(k *call) int {
			s := k.str(1)
			if s != "" && strings.Trim(s, "0123456789") == "" {
				return k.num(1)
			}
			return k.num(-2)
		}},
		{Name: "siputils.is_uri", Params: "s", Result: "int", Does: "whether a text is a SIP URI", call: func(k *call) int {
			u, err := message.ParseURI([]byte(k.str(1)))
			return k.is(err == nil && u.IsSIP())
		}},
		{Name: "siputils.uri_param", Params: "s", Result: "int", Does: "whether the Request-URI has a parameter without a value", call: func(k *call) int { return k.uriParam("", false) }},
		{Name: "siputils.uri_param_value", Params: "ss", Result: "int", Does: "whether the Request-URI has a parameter of a value", call: func(k *call) int { return k.uriParam(k.str(2), true) }},
		{Name: "ipops.is_ip", Params: "s", Result: "int", Does: "whether a text is an IP address", call: func(k *call) int { _, ok := address(k.str(1)); return k.is(ok) }},
		{Name: "ipops.is_ip_rfc1918", Params: "s", Result: "int", Does: "whether it is a private IPv4 address", call: func(k *call) int {
			a, ok := address(k.str(1))
			return k.is(ok && a.Is4() && a.IsPrivate())
		}},
		{Name: "ipops.compare_ips", Params: "ss", Result: "int", Does: "whether two addresses are equal", call: func(k *call) int {
			a, ok := address(k.str(1))
			b, ok2 := address(k.str(2))
			return k.is(ok && ok2 && a == b)
		}},
		{Name: "ipops.is_in_subnet", Params: "ss", Result: "int", Does: "whether an address is in one of the networks separated by commas", call: inSubnet},
		{Name: "xlog.xinfo", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("info", 1) }},
		{Name: "xlog.xerr", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("err", 1) }},
		{Name: "xlog.xdbg", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("dbg", 1) }},
		{Name: "xlog.xwarn", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("warn", 1) }},
		{Name: "xlog.xlog", Params: "ss", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog(strings.TrimPrefix(strings.ToLower(k.str(1)), "l_"), 2) }},
	}...)
}

func one(k *call) int { return k.num(1) }

func address(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap(), err == nil
}

func inSubnet(k *call) int {
	a, ok := address(k.str(1))
	for part := range strings.SplitSeq(k.str(2), ",") {
		if n, err := netip.ParsePrefix(strings.TrimSpace(part)); err == nil && ok && n.Contains(a) {
			return k.num(1)
		}
		if b, same := address(strings.TrimSpace(part)); same && ok && a == b {
			return k.num(1)
		}
	}
	return k.num(-1)
}

func (k *call) uriParam(value string, valued bool) int {
	u, err := message.ParseURI([]byte(k.uri()))
	if err != nil {
		return k.num(-1)
	}
	got, there := u.Params.Get(k.str(1))
	return k.is(there && (valued && string(got) == value || !valued && len(got) == 0))
}

// xlog logs the text at an argument with its variables.
func (k *call) xlog(l string, at int) int {
	t, err := k.sh.text(k.str(at))
	if err != nil {
		k.log(err.Error())
		return k.num(-1)
	}
	k.sh.module.log.Log(k.c.Context(), level(l), strings.TrimRight(t.Expand(k.value), "\r\n"), "call_id", string(k.message().CallID()), "method", k.method())
	return k.num(1)
}
