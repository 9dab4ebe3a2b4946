package kemi

// KSR.sdpops, and what asks of addresses, flags and values by their names.

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// session lines of the body, of which there are none without a type that says so.
func (k *call) sdp() []string {
	m := k.message()
	if !message.IsMediaType(m.Header(message.HeaderContentType), "application/sdp") {
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(m.Body()), "\r\n", "\n"), "\n")
}

// media are the words of the m= lines.
func (k *call) media() (list [][]string) {
	for _, line := range k.sdp() {
		if rest, ok := strings.CutPrefix(line, "m="); ok {
			if words := strings.Fields(rest); len(words) >= 3 {
				list = append(list, words)
			}
		}
	}
	return list
}

// someMedia is 1 if a medium is such, and otherwise none.
func (k *call) someMedia(none int, such func(words []string) bool) int {
	for _, words := range k.media() {
		if such(words) {
			return k.num(1)
		}
	}
	return k.num(none)
}

func sdpRows() []Row {
	return []Row{
		{Name: "sdpops.sdp_content", Result: "int", Does: "whether there is a session description", call: func(k *call) int { return k.is(len(k.sdp()) > 1) }},
		{Name: "sdpops.sdp_with_media", Params: "s", Result: "int", Does: "whether there is a medium of a kind: 0 if not",
			call: func(k *call) int {
				return k.someMedia(0, func(w []string) bool { return strings.EqualFold(w[0], k.str(1)) })
			}},
		{Name: "sdpops.sdp_with_transport", Params: "s", Result: "int", Does: "whether a medium has a transport",
			call: func(k *call) int {
				return k.someMedia(-1, func(w []string) bool { return strings.EqualFold(w[2], k.str(1)) })
			}},
		{Name: "sdpops.sdp_with_transport_like", Params: "s", Result: "int", Does: "whether a medium's transport has a text in it",
			call: func(k *call) int {
				return k.someMedia(-1, func(w []string) bool { return strings.Contains(w[2], k.str(1)) })
			}},
		{Name: "sdpops.sdp_with_ice", Result: "int", Does: "whether there is a candidate of ICE", call: func(k *call) int { _, ok := k.sdpLine("a=candidate:"); return k.is(ok) }},
		{Name: "sdpops.sdp_get_line_startswith", Params: "ss", Result: "int", Does: "sets an AVP to the first line that begins with a text", call: func(k *call) int {
			line, ok := k.sdpLine(k.str(2))
			v, err := k.sh.variable(k.str(1))
			return k.is(ok && err == nil && v.Name == "avp" && k.setVar(v, pv.Str(line)))
		}},
		{Name: "sdpops.sdp_transport", Params: "s", Result: "int", Does: "sets a variable to the transport of the first medium", call: func(k *call) int {
			list := k.media()
			return k.is(len(list) > 0 && k.setNamed(1, pv.Str(list[0][2])))
		}},
	}
}

func (k *call) sdpLine(begin string) (string, bool) {
	for _, line := range k.sdp() {
		if begin != "" && strings.HasPrefix(line, begin) {
			return line, true
		}
	}
	return "", false
}

// family is 1 for an IPv4 address, 2 for IPv6, 3 for IPv6 in brackets, -1 for none.
func family(text string) int {
	inner, reference := strings.CutPrefix(text, "[")
	if reference {
		if inner, reference = strings.CutSuffix(inner, "]"); !reference {
			return -1
		}
	}
	a, err := netip.ParseAddr(inner)
	switch {
	case err != nil || a.Zone() != "" || reference && !a.Is6():
		return -1
	case reference:
		return 3
	case a.Is6():
		return 2
	}
	return 1
}

func addressRows() []Row {
	is := func(kinds ...int) func(k *call) int {
		return func(k *call) int {
			n := family(k.str(1))
			for _, kind := range kinds {
				if n == kind {
					return k.num(1)
				}
			}
			return k.num(-1)
		}
	}
	return []Row{
		{Name: "ipops.ip_type", Params: "s", Result: "int", Does: "1 IPv4, 2 IPv6, 3 IPv6 in brackets, -1 none", call: func(k *call) int { return k.num(family(k.str(1))) }},
		{Name: "ipops.is_ip4", Params: "s", Result: "int", Does: "whether a text is an IPv4 address", call: is(1)},
		{Name: "ipops.is_ip6", Params: "s", Result: "int", Does: "whether a text is an IPv6 address", call: is(2)},
		{Name: "ipops.is_ip6_reference", Params: "s", Result: "int", Does: "whether a text is an IPv6 address in brackets", call: is(3)},
		{Name: "ipops.is_pure_ip", Params: "s", Result: "int", Does: "whether a text is an address, without brackets", call: is(1, 2)},
		{Name: "ipops.compare_pure_ips", Params: "ss", Result: "int", Does: "whether two addresses are equal", call: func(k *call) int {
			a, err := netip.ParseAddr(k.str(1))
			b, err2 := netip.ParseAddr(k.str(2))
			return k.is(err == nil && err2 == nil && a == b)
		}},
		{Name: "ipops.ip_is_in_subnet", Params: "ss", Result: "int", Does: "as is_in_subnet", call: inSubnet},
		{Name: "is_src_port", Params: "i", Result: "bool", Does: "compares the port that the message came from", call: func(k *call) int { return k.bool(int(k.source().Addr.Port()) == k.int(1)) }},
		{Name: "is_dst_port", Params: "i", Result: "bool", Does: "compares the port that it came to", call: func(k *call) int {
			return k.bool(k.f.kind != inEvent && int(k.s.req.ReceivedOn().Addr.Port()) == k.int(1))
		}},
		{Name: "is_proto", Params: "s", Result: "bool", Does: "whether it came over one of the transports of letters: u t s w e", call: isProto},
		{Name: "is_IPv4", Result: "bool", Does: "whether it came over IPv4", call: func(k *call) int { return k.bool(k.source().Addr.Addr().Unmap().Is4()) }},
		{Name: "is_IPv6", Result: "bool", Does: "whether it came over IPv6", call: func(k *call) int { return k.bool(k.source().Addr.Addr().Unmap().Is6()) }},
		{Name: "is_WSS", Result: "bool", Does: "whether it came over a WebSocket with TLS", call: overTransport("wss")},
		{Name: "is_SCTP", Result: "bool", Does: "false: there is no SCTP here", call: func(k *call) int { return k.bool(false) }},
	}
}

// protocols are the letters of is_proto.
var protocols = [256]string{'u': "udp", 't': "tcp", 's': "tls", 'w': "ws", 'W': "wss", 'U': "udp", 'T': "tcp", 'S': "tls"}

func isProto(k *call) int {
	text, over := k.str(1), k.source().Transport.String()
	for i := range len(text) {
		if name := protocols[text[i]]; name != "" && name == over {
			return k.bool(true)
		}
	}
	return k.bool(false)
}

func valueRows() []Row {
	avp := func(k *call) pv.Value { return pick(&pv.Var{}, k.s.avps[k.str(1)], "") }
	set := func(k *call, v pv.Value) int { return k.is(k.setAVP(&pv.Var{Arg: k.str(1)}, v)) }
	child := func(k *call) *pv.Var { return &pv.Var{Arg: k.str(1), HasKey: true, Key: pv.Text{{Literal: k.str(2)}}} }
	return []Row{
		{Name: "pvx.avp_get", Params: "s", Result: "xval", Does: "$avp(name)", call: func(k *call) int { return k.push(avp(k)) }},
		{Name: "pvx.avp_gete", Params: "s", Result: "xval", Does: `as avp_get, "" for none`, call: func(k *call) int { return k.push(or(avp(k), "")) }},
		{Name: "pvx.avp_getw", Params: "s", Result: "xval", Does: `as avp_get, "<null>" for none`, call: func(k *call) int { return k.push(or(avp(k), "<null>")) }},
		{Name: "pvx.avp_sets", Params: "ss", Result: "int", Does: "sets $avp(name) to text", call: func(k *call) int { return set(k, pv.Str(k.str(2))) }},
		{Name: "pvx.avp_seti", Params: "si", Result: "int", Does: "sets $avp(name) to a number", call: func(k *call) int { return set(k, pv.Num(int64(k.int(2)))) }},
		{Name: "pvx.avp_is_null", Params: "s", Result: "int", Does: "whether $avp(name) has no value",
			Differs: "there it takes the newest value away, and says whether none is left; here it only asks", call: func(k *call) int { return k.is(avp(k).Kind == pv.Null) }},
		{Name: "pvx.avp_rm", Params: "s", Result: "int", Does: "removes the newest value of $avp(name)", call: func(k *call) int { k.setAVP(&pv.Var{Arg: k.str(1)}, pv.Value{}); return k.num(1) }},
		{Name: "pvx.xavp_getw", Params: "s", Result: "xval", Does: `as xavp_get, "<null>" for none`, call: func(k *call) int { return k.push(or(k.xavp(&pv.Var{Arg: k.str(1)}), "<null>")) }},
		{Name: "pvx.xavp_child_is_null", Params: "ss", Result: "int", Does: "whether a child has no value", call: func(k *call) int { return k.is(k.xavp(child(k)).Kind == pv.Null) }},
		{Name: "pvx.xavp_child_rm", Params: "ss", Result: "int", Does: "removes a child of the newest", call: func(k *call) int { k.setXAVP(child(k), pv.Value{}); return k.num(1) }},
		{Name: "pvx.xavp_params_explode", Params: "ss", Result: "int", Does: "a text a=b;c=d as the children of a new $xavp(name)", call: explode},
		{Name: "xlog.xnotice", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("notice", 1) }},
		{Name: "xlog.xcrit", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("crit", 1) }},
		{Name: "xlog.xalert", Params: "s", Result: "int", Does: "logs a text with the variables in it", call: func(k *call) int { return k.xlog("alert", 1) }},
		{Name: "corex.setxflag", Params: "i", Result: "int", Does: "sets one of 64 further flags", call: func(k *call) int { return k.further(set64) }},
		{Name: "corex.resetxflag", Params: "i", Result: "int", Does: "resets one of 64 further flags", call: func(k *call) int { return k.further(reset64) }},
		{Name: "corex.isxflagset", Params: "i", Result: "int", Does: "tests one of 64 further flags", call: func(k *call) int {
			n := k.int(1)
			return k.is(n >= 0 && n < 64 && k.s.xflags>>n&1 == 1)
		}},
		{Name: "resetbiflag", Params: "ii", Result: "bool", Does: "resets a flag of a branch by its index", call: func(k *call) int { return k.flag(k.branchFlags(k.int(2)), 1, reset) }},
		{Name: "maxfwd.is_maxfwd_lt", Params: "i", Result: "int", Does: "whether Max-Forwards is less than a number", call: func(k *call) int {
			n, ok, err := k.s.req.Message().MaxForwards()
			return k.is(ok && err == nil && int(n) < k.int(1))
		}},
		{Name: "auth.has_credentials", Params: "s", Result: "int", Does: "whether there are credentials for a realm", call: func(k *call) int { return k.is(k.credentials(k.str(1))) }},
	}
}

// definitionRows are what is asked of the configuration and of the process.
func definitionRows() []Row {
	def := func(k *call) (string, bool) {
		if c := k.sh.module.config; c != nil {
			value, ok := c.Defines[k.str(1)]
			return value, ok
		}
		return "", false
	}
	return []Row{
		{Name: "kx.get_def", Params: "s", Result: "xval", Does: "what #!define says", call: func(k *call) int { value, _ := def(k); return k.c.PushString(value) }},
		{Name: "kx.get_defn", Params: "s", Result: "int", Does: "what #!define says, as a number", call: func(k *call) int { value, _ := def(k); return k.num(asInt(pv.Str(value))) }},
		{Name: "kx.ifdef", Params: "s", Result: "bool", Does: "whether there is a #!define", call: func(k *call) int { _, ok := def(k); return k.bool(ok) }},
		{Name: "kx.ifndef", Params: "s", Result: "bool", Does: "whether there is none", call: func(k *call) int { _, ok := def(k); return k.bool(!ok) }},
		{Name: "kx.get_env", Params: "s", Result: "xval", Does: "a variable of the environment", call: func(k *call) int { return k.c.PushString(os.Getenv(k.str(1))) }},
		{Name: "kx.get_envn", Params: "s", Result: "int", Does: "a variable of the environment as a number", call: func(k *call) int { return k.num(asInt(pv.Str(os.Getenv(k.str(1))))) }},
		{Name: "kx.get_msgtype", Result: "int", Does: "1 for a request, 2 for a reply", call: func(k *call) int {
			if k.f.kind == inReply {
				return k.num(2)
			}
			return k.num(1)
		}},
		{Name: "kx.get_nhuri", Result: "xval", Does: "where the request goes: $du, or $ru", call: func(k *call) int {
			if k.s.duri != "" {
				return k.push(text(k.s.duri))
			}
			return k.push(text(k.uri()))
		}},
		{Name: "kx.gets_status", Result: "xval", Does: "the code of a reply as text", call: func(k *call) int {
			if k.f.kind == inReply {
				return k.c.PushString(strconv.Itoa(k.f.res.Code()))
			}
			return k.c.PushNil()
		}},
	}
}

func set64(flags *uint64, n int)   { *flags |= 1 << n }
func reset64(flags *uint64, n int) { *flags &^= 1 << n }

// further changes the flag that the first argument names.
func (k *call) further(change func(flags *uint64, n int)) int {
	n := k.int(1)
	if n < 0 || n > 63 {
		return k.num(-1)
	}
	change(&k.s.xflags, n)
	return k.num(1)
}

// explode is xavp_params_explode.
func explode(k *call) int {
	x, n := map[string][]pv.Value{}, 0
	for part := range strings.SplitSeq(k.str(1), ";") {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if n++; n > maxStack {
			return k.num(-1)
		}
		x[name] = append([]pv.Value{pv.Str(strings.Trim(strings.TrimSpace(value), `"`))}, x[name]...)
	}
	list := k.s.xavps[k.str(2)]
	if n == 0 || k.str(2) == "" || len(list) >= maxStack || len(k.s.xavps) > maxStack {
		return k.num(-1)
	}
	if k.s.xavps == nil {
		k.s.xavps = map[string][]map[string][]pv.Value{}
	}
	k.s.xavps[k.str(2)] = append([]map[string][]pv.Value{x}, list...)
	return k.num(1)
}

// credentials reports whether the request has some for a realm.
func (k *call) credentials(realm string) bool {
	m := k.s.req.Message()
	for _, id := range []message.HeaderID{message.HeaderAuthorization, message.HeaderProxyAuthorization} {
		for i := m.Find(id, 0); i >= 0; i = m.Find(id, i+1) {
			if a, err := message.ParseAuth(m.Value(i)); err == nil {
				if in, ok := a.Params.Get("realm"); ok && string(in) == realm {
					return true
				}
			}
		}
	}
	return false
}
