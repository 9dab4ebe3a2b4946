package kemi

// What pseudo-variables are: $ru, $hdr(X), $avp(x) …

import (
	"os"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

func decimal(n int) string { return strconv.Itoa(n) }

// value is that of a variable, its transformations carried out.
func (k *call) value(v *pv.Var) pv.Value {
	return v.Apply(k.raw(v), k.value)
}

// text is a value that is Null if it is empty.
func text(s string) pv.Value {
	if s == "" {
		return pv.Value{}
	}
	return pv.Str(s)
}

// bytesValue is Null for what is not there.
func bytesValue(b []byte) pv.Value {
	if b == nil {
		return pv.Value{}
	}
	return pv.Str(string(b))
}

func (k *call) raw(v *pv.Var) pv.Value {
	switch v.Name {
	case "hdr":
		return k.headerValue(v)
	case "avp":
		return pick(v, k.s.avps[v.Arg], ", ")
	case "xavp":
		return k.xavp(v)
	case "var":
		if x, ok := k.s.vars[v.Arg]; ok {
			return x
		}
		return pv.Num(0)
	case "shv":
		return k.sh.module.shared.variable(v.Arg)
	case "sht":
		return k.sh.module.shared.get(k.sh.module.config, v.Arg, v.Key.Expand(k.value), k.c.Now())
	case "dlg_var":
		return k.dialogValue(v.Arg)
	case "dlg":
		return k.ofDialog(v.Arg)
	case "ulc":
		return k.ofBinding(v)
	case "env":
		return text(os.Getenv(v.Arg))
	case "def":
		if c := k.sh.module.config; c != nil {
			return text(c.Defines[v.Arg])
		}
		return pv.Value{}
	case "branch":
		return k.branchValue(v.Arg)
	case "T":
		return k.ofTransaction(v.Arg)
	case "T_req":
		if k.f.kind == inEvent {
			return pv.Value{}
		}
		return k.inside(v.Inner, &frame{kind: inRequest})
	case "T_rpl":
		if k.f.res == nil || k.f.res.Cause() != "" {
			return pv.Value{}
		}
		return k.inside(v.Inner, &frame{kind: inReply, res: k.f.res})
	}
	return k.plain(v.Name)
}

// inside reads a variable of another message of the transaction.
func (k *call) inside(v *pv.Var, f *frame) pv.Value {
	other := *k
	other.f = f
	return other.value(v)
}

// plain are the variables without parentheses.
func (k *call) plain(name string) pv.Value {
	switch name {
	case "rm":
		return pv.Str(k.method())
	case "rs":
		switch {
		case k.f.kind == inReply:
			return pv.Num(int64(k.f.res.Code()))
		case k.f.event != nil && k.f.event.status != 0:
			return pv.Num(int64(k.f.event.status))
		}
	case "rr":
		if k.f.kind == inReply {
			return pv.Str(k.f.res.Reason())
		}
	case "ru", "rU", "rd", "rp", "rP", "rz":
		return k.ofURI(k.uri(), name[1])
	case "hu":
		return k.startLine()
	case "ou", "oU", "od":
		if k.f.kind != inReply && k.f.kind != inEvent {
			return k.ofURI(string(startURI(k.s.req.Message())), name[1])
		}
	case "du":
		return text(k.s.duri)
	case "dd", "dp", "dP":
		if k.s.duri != "" {
			return k.ofURI(k.s.duri, strings.ToLower(name)[1])
		}
	case "fu", "fU", "fd", "ft", "fn":
		a, err := k.message().From()
		return k.ofParty(a, err, name[1])
	case "tu", "tU", "td", "tt", "tn":
		a, err := k.message().To()
		return k.ofParty(a, err, name[1])
	case "DLG_status", "DLG_count", "DLG_lifetime":
		return k.ofDialog(name)
	case "T_branch_idx":
		return pv.Num(int64(k.branchIndex()))
	case "T_reply_code":
		if k.f.res != nil {
			return pv.Num(int64(k.f.res.Code()))
		}
		return pv.Num(0)
	case "T_reply_reason":
		if k.f.res != nil {
			return pv.Str(k.f.res.Reason())
		}
		return pv.Str("")
	case "mf":
		return pv.Num(int64(k.s.flags))
	case "bf":
		return pv.Num(int64(*k.branchFlags(0)))
	case "au", "aU":
		return text(k.s.user)
	case "ar":
		return text(k.s.realm)
	case "TS", "Ts":
		return pv.Num(k.c.Now().Unix())
	case "Tf":
		return pv.Str(k.c.Now().Format("Mon Jan _2 15:04:05 2006"))
	case "pp":
		return pv.Num(int64(os.Getpid()))
	case "null":
	default:
		return k.ofMessage(name)
	}
	return pv.Value{}
}

// ofMessage are variables of the message's headers and of where it came from.
func (k *call) ofMessage(name string) pv.Value {
	m := k.message()
	switch name {
	case "ci":
		return bytesValue(m.CallID())
	case "cs":
		if c, err := m.CSeq(); err == nil {
			return pv.Str(strconv.FormatUint(uint64(c.Number), 10))
		}
	case "ua":
		return bytesValue(m.Header(message.HeaderUserAgent))
	case "ct":
		return bytesValue(m.Header(message.HeaderContact))
	case "cT":
		return bytesValue(m.Header(message.HeaderContentType))
	case "cl":
		return pv.Num(int64(len(m.Body())))
	case "rb":
		return pv.Str(string(m.Body()))
	case "rv":
		if k.f.event != nil && k.f.event.http {
			return pv.Str("HTTP/1.1")
		}
		return pv.Str("SIP/2.0")
	case "ml", "bs":
		if name == "bs" {
			return pv.Num(int64(len(m.Body())))
		}
		return pv.Num(int64(len(m.Original())))
	case "mb":
		return pv.Str(string(m.Original()))
	case "mi":
		return pv.Num(1)
	case "re":
		return bytesValue(m.HeaderName("Remote-Party-ID"))
	case "di":
		return bytesValue(m.HeaderName("Diversion"))
	case "ai":
		return bytesValue(m.HeaderName("P-Asserted-Identity"))
	case "pu":
		return bytesValue(m.HeaderName("P-Preferred-Identity"))
	case "si", "sp", "su", "pr", "proto":
		return k.ofSource(name)
	case "Ri", "RAi", "Rp", "Rn":
		return k.ofListener(name)
	}
	return pv.Value{}
}

// ofListener is where the request arrived.
func (k *call) ofListener(name string) pv.Value {
	if k.f.kind == inEvent {
		return pv.Value{}
	}
	switch name {
	case "Ri", "RAi":
		return pv.Str(k.s.req.ReceivedOn().Addr.Addr().Unmap().String())
	case "Rp":
		return pv.Num(int64(k.s.req.ReceivedOn().Addr.Port()))
	case "Rn":
		return pv.Str(k.s.req.ReceivedOn().Name)
	}
	return pv.Value{}
}

// ofSource is where the message came from.
func (k *call) ofSource(name string) pv.Value {
	src := k.source()
	ip := src.Addr.Addr().Unmap().String()
	switch name {
	case "si":
		return pv.Str(ip)
	case "sp":
		return pv.Num(int64(src.Addr.Port()))
	case "su":
		uri := "sip:" + src.Addr.String()
		if t := src.Transport.String(); t != "udp" {
			uri += ";transport=" + t
		}
		return pv.Str(uri)
	}
	return pv.Str(src.Transport.String())
}

// source is where the message of the frame came from.
func (k *call) source() engine.Endpoint {
	if k.f.res != nil && k.f.kind == inReply {
		if a, t := k.f.res.Source(); a.IsValid() {
			return engine.Endpoint{Addr: a, Transport: t}
		}
	}
	if k.f.event != nil {
		return k.f.event.source
	}
	return k.s.req.Source()
}

// startLine is $hu: the second word of the first line.
func (k *call) startLine() pv.Value {
	switch {
	case k.f.kind == inReply:
		return pv.Str(decimal(k.f.res.Code()))
	case k.f.event != nil && k.f.event.http:
		return pv.Str(k.f.event.target)
	}
	return text(string(startURI(k.message())))
}

// startURI is the Request-URI as it arrived.
func startURI(m *message.Message) []byte {
	line := m.Original()
	if i := strings.IndexByte(string(line[:min(len(line), 4096)]), '\n'); i >= 0 {
		line = line[:i]
	}
	parts := strings.Fields(string(line))
	if len(parts) < 3 {
		return nil
	}
	return []byte(parts[1])
}

// ofURI is a part of a URI: u all of it, U user, d host, p port, P transport, z scheme.
func (k *call) ofURI(s string, part byte) pv.Value {
	if s == "" {
		return pv.Value{}
	}
	u, err := message.ParseURI([]byte(s))
	if err != nil {
		return pv.Value{}
	}
	switch part {
	case 'u':
		return pv.Str(s)
	case 'U':
		return text(string(u.User))
	case 'd':
		return text(string(u.Host))
	case 'p':
		if u.Port == 0 {
			if strings.EqualFold(string(u.Scheme), "sips") {
				return pv.Str("5061")
			}
			return pv.Str("5060")
		}
		return pv.Str(decimal(int(u.Port)))
	case 'P':
		if t, ok := u.Params.Get("transport"); ok {
			return pv.Str(string(t))
		}
		return pv.Str("UDP")
	case 'z':
		return pv.Str(string(u.Scheme))
	}
	return pv.Value{}
}

// ofParty is a part of From or To: u U d as of a URI, t the tag, n the display name.
func (k *call) ofParty(a message.Address, err error, part byte) pv.Value {
	if err != nil {
		return pv.Value{}
	}
	switch part {
	case 't':
		return text(string(a.Tag()))
	case 'n':
		return text(string(a.Display))
	}
	return k.ofURI(string(a.URI), part)
}

// headerValue is $hdr(X), or one or all of several.
func (k *call) headerValue(v *pv.Var) pv.Value {
	m := k.message()
	if v.Has == pv.Newest {
		return bytesValue(m.HeaderName(v.Arg))
	}
	var list []pv.Value
	for i := m.FindName(v.Arg, 0); i >= 0; i = m.FindName(v.Arg, i+1) {
		list = append(list, pv.Str(string(m.Value(i))))
	}
	if v.Has == pv.All && len(list) > 0 {
		return join(list, ",")
	}
	return at(list, v.Index)
}

// pick is the value that the index means, of those with the newest first. A negative one of a
// stack means nothing.
func pick(v *pv.Var, stack []pv.Value, separator string) pv.Value {
	switch {
	case v.Has == pv.All && len(stack) > 0:
		return join(stack, separator)
	case v.Has == pv.At:
		if v.Index < 0 {
			return pv.Value{}
		}
		return at(stack, v.Index)
	case len(stack) > 0:
		return stack[0]
	}
	return pv.Value{}
}

func at(list []pv.Value, i int) pv.Value {
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return pv.Value{}
	}
	return list[i]
}

func join(list []pv.Value, separator string) pv.Value {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = x.String()
	}
	return pv.Str(strings.Join(texts, separator))
}

// xavp is $xavp(a=>b): the newest child of that name, of the newest a that has one, or of a[n].
func (k *call) xavp(v *pv.Var) pv.Value {
	stack := k.s.xavps[v.Arg]
	if !v.HasKey {
		if len(stack) == 0 {
			return pv.Value{}
		}
		return pv.Str("<<xavp:" + v.Arg + ">>")
	}
	key := v.Key.Expand(k.value)
	if v.HasAt {
		if v.At < 0 || v.At >= len(stack) {
			return pv.Value{}
		}
		return pick(v, stack[v.At][key], ", ")
	}
	for _, x := range stack {
		if list := x[key]; len(list) > 0 {
			return pick(v, list, ", ")
		}
	}
	return pv.Value{}
}

// branchValue is $branch(count), or a part of the first further branch.
func (k *call) branchValue(name string) pv.Value {
	switch {
	case name == "count":
		return pv.Num(int64(len(k.s.branches)))
	case len(k.s.branches) == 0:
		return pv.Value{}
	case name == "uri":
		return text(k.s.branches[0].uri)
	case name == "dst_uri":
		return text(k.s.branches[0].duri)
	}
	return pv.Value{}
}

// branchIndex is $T_branch_idx: in a branch and a reply its number, in a failure how many there
// were.
func (k *call) branchIndex() int {
	if k.f.kind == inFailure {
		return k.s.tried
	}
	return k.f.index
}

// ofBinding is $ulc(exp=>name), in the callback for a contact that expired.
func (k *call) ofBinding(v *pv.Var) pv.Value {
	if k.f.event == nil || v.Arg != "exp" {
		return pv.Value{}
	}
	value, there := k.f.event.values[v.Key.Expand(k.value)]
	if !there {
		return pv.Value{}
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return pv.Num(n)
	}
	return pv.Str(value)
}
