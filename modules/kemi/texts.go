package kemi

// KSR.textops, KSR.siputils and KSR.regex as far as they compare texts and messages.

import (
	"path"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

const differsExpression = "the regular expression is RE2's"

func textRows() []Row {
	return []Row{
		{Name: "textops.search", Params: "s", Result: "int", Does: "whether a regular expression is in the message", Differs: differsExpression,
			call: func(k *call) int { return k.is(k.matches(string(k.message().Original()), 1)) }},
		{Name: "textops.search_body", Params: "s", Result: "int", Does: "whether a regular expression is in the body", Differs: differsExpression,
			call: func(k *call) int { return k.is(k.matches(string(k.message().Body()), 1)) }},
		{Name: "textops.search_hf", Params: "sss", Result: "int", Does: "whether a regular expression is in headers of a name: f the first, l the last, a all", Differs: differsExpression, call: searchHeaders},
		{Name: "textops.search_str", Params: "ss", Result: "int", Does: "whether a regular expression is in a text; -2 for an empty text", Differs: differsExpression, call: func(k *call) int {
			if k.str(1) == "" || k.str(2) == "" {
				return k.num(-2)
			}
			return k.is(k.matches(k.str(1), 2))
		}},
		{Name: "textops.str_find", Params: "ss", Result: "int", Does: "where a text is in another, from 1", call: func(k *call) int { return k.found(k.str(1), k.str(2)) }},
		{Name: "textops.str_ifind", Params: "ss", Result: "int", Does: "as str_find, without case", call: func(k *call) int { return k.found(strings.ToLower(k.str(1)), strings.ToLower(k.str(2))) }},
		{Name: "textops.in_list", Params: "sss", Result: "int", Does: "whether a text is in a list with a separator", call: func(k *call) int {
			return k.is(k.inList(func(item, text string) bool { return item == text }))
		}},
		{Name: "textops.in_list_prefix", Params: "sss", Result: "int", Does: "whether something in a list is what a text begins with", call: func(k *call) int {
			return k.is(k.inList(func(item, text string) bool { return item != "" && strings.HasPrefix(text, item) }))
		}},
		{Name: "textops.is_privacy", Params: "s", Result: "int", Does: "whether Privacy has a value", call: func(k *call) int {
			for v := range strings.SplitSeq(string(k.message().HeaderName("Privacy")), ";") {
				if k.str(1) != "" && strings.EqualFold(strings.TrimSpace(v), k.str(1)) {
					return k.num(1)
				}
			}
			return k.num(-1)
		}},
		{Name: "textops.is_present_hf_re", Params: "s", Result: "int", Does: "whether there is a header whose name a regular expression matches", Differs: differsExpression,
			call: func(k *call) int { return k.is(len(k.headerNames(1)) > 0) }},
		{Name: "textops.remove_hf_re", Params: "s", Result: "int", Does: "removes the headers whose names a regular expression matches", Differs: differsExpression, call: func(k *call) int {
			names := k.headerNames(1)
			for _, name := range names {
				k.edit(edit{kind: editRemove, name: name})
			}
			return k.is(len(names) > 0)
		}},
		{Name: "textops.subst_uri", Params: "s", Result: "int", Does: "changes $ru: /expression/replacement/flags", Differs: differsExpression, call: func(k *call) int { return k.substitute("ru") }},
		{Name: "textops.subst_user", Params: "s", Result: "int", Does: "changes $rU: /expression/replacement/flags", Differs: differsExpression, call: func(k *call) int { return k.substitute("rU") }},
		{Name: "textopsx.hf_value_exists", Params: "ss", Result: "int", Does: "whether a header has a value in its list", call: func(k *call) int {
			for _, v := range k.headerValues(k.str(1)) {
				for item := range strings.SplitSeq(v, ",") {
					if strings.EqualFold(strings.TrimSpace(item), k.str(2)) {
						return k.num(1)
					}
				}
			}
			return k.num(-1)
		}},
		{Name: "textopsx.fnmatch", Params: "ss", Result: "int", Does: "whether a pattern of * ? and [] matches a text: 0, -1 if not", call: func(k *call) int {
			if ok, err := path.Match(strings.ReplaceAll(k.str(2), "/", "\x01"), strings.ReplaceAll(k.str(1), "/", "\x01")); err == nil && ok {
				return k.num(0)
			}
			return k.num(-1)
		}},
		{Name: "regex.pcre_match", Params: "ss", Result: "int", Does: "whether a regular expression is in a text", Differs: "the regular expression is RE2's: without back references and look-around",
			call: func(k *call) int { return k.pcre() }},
	}
}

func uriRows() []Row {
	return []Row{
		{Name: "siputils.is_tel_number", Params: "s", Result: "int", Does: "whether a text is digits, after a + or not; -2 if not", call: func(k *call) int {
			n := strings.TrimPrefix(k.str(1), "+")
			return k.num(orMinusTwo(n != "" && strings.Trim(n, "0123456789") == ""))
		}},
		{Name: "siputils.is_alphanum", Params: "s", Result: "int", Does: "whether a text is letters and digits; -2 for an empty one, -3 if not", call: func(k *call) int { return k.alphanumeric("") }},
		{Name: "siputils.is_alphanumex", Params: "ss", Result: "int", Does: "as is_alphanum, with further characters", call: func(k *call) int { return k.alphanumeric(k.str(2)) }},
		{Name: "siputils.cmp_uri", Params: "ss", Result: "int", Does: "compares URIs; -2 for what is none", Differs: "a URI with transport, user, ttl, method or maddr is not equal to one without (RFC 3261 §19.1.4)", call: func(k *call) int {
			return k.compareURIs(func(u, v *message.URI) bool { return u.Equal(v) })
		}},
		{Name: "siputils.cmp_aor", Params: "ss", Result: "int", Does: "compares user, host and port of URIs; -2 for what is none", call: func(k *call) int {
			return k.compareURIs(func(u, v *message.URI) bool {
				return string(u.User) == string(v.User) && message.EqualHost(u.Host, v.Host) && portOf(u) == portOf(v)
			})
		}},
		{Name: "siputils.cmp_hdr_name", Params: "ss", Result: "int", Does: "compares names of headers, short or long", call: func(k *call) int {
			a, b := k.str(1), k.str(2)
			id := message.LookupHeader([]byte(a))
			return k.is(strings.EqualFold(a, b) || id != message.HeaderOther && id == message.LookupHeader([]byte(b)))
		}},
		{Name: "siputils.uri_param_any", Params: "s", Result: "int", Does: "whether the Request-URI has a parameter", call: func(k *call) int {
			u, err := message.ParseURI([]byte(k.uri()))
			return k.is(err == nil && u.Params.Has(k.str(1)))
		}},
		{Name: "siputils.add_uri_param", Params: "s", Result: "int", Does: "adds a parameter to the Request-URI", call: func(k *call) int {
			return k.withParams(func(params string) string { return params + ";" + k.str(1) })
		}},
		{Name: "siputils.uri_param_rm", Params: "s", Result: "int", Does: "removes a parameter of the Request-URI", call: func(k *call) int {
			return k.withParams(func(params string) string {
				kept := ""
				for p := range strings.SplitSeq(strings.TrimPrefix(params, ";"), ";") {
					if name, _, _ := strings.Cut(p, "="); p != "" && !strings.EqualFold(strings.TrimSpace(name), k.str(1)) {
						kept += ";" + p
					}
				}
				return kept
			})
		}},
		{Name: "siputils.is_gruu", Result: "int", Does: "whether the Request-URI has the parameter gr", call: func(k *call) int {
			u, err := message.ParseURI([]byte(k.uri()))
			return k.is(err == nil && u.Params.Has("gr"))
		}},
		{Name: "siputils.is_user", Params: "s", Result: "int", Does: "whether a user has proved to have sent the request", call: func(k *call) int { return k.is(k.str(1) != "" && k.s.user == k.str(1)) }},
	}
}

// pcre is pcre_match: -4 for an expression that is none.
func (k *call) pcre() int {
	re, err := k.sh.expression(k.str(2))
	if err != nil {
		k.log(err.Error())
		return k.num(-4)
	}
	return k.is(re.MatchString(k.str(1)))
}

// matches reports whether the regular expression of an argument is in a text, line by line and
// without case. One that is none is logged.
func (k *call) matches(text string, at int) bool {
	re, err := k.sh.expression("(?im)" + k.str(at))
	if err != nil {
		k.log(err.Error())
		return false
	}
	return re.MatchString(text)
}

func (k *call) found(text, what string) int {
	switch i := strings.Index(text, what); {
	case i < 0:
		return k.num(-1)
	case what == "":
		return k.num(len(text) + 1)
	default:
		return k.num(i + 1)
	}
}

func (k *call) inList(same func(item, text string) bool) bool {
	if k.str(1) == "" || k.str(3) == "" {
		return false
	}
	for item := range strings.SplitSeq(k.str(2), k.str(3)[:1]) {
		if same(strings.TrimSpace(item), k.str(1)) {
			return true
		}
	}
	return false
}

// headerValues are those of a name, in the order of the message.
func (k *call) headerValues(name string) (list []string) {
	m := k.message()
	for i := m.FindName(name, 0); name != "" && i >= 0; i = m.FindName(name, i+1) {
		list = append(list, string(m.Value(i)))
	}
	return list
}

func searchHeaders(k *call) int {
	list := k.headerValues(k.str(1))
	switch flag := k.str(3); {
	case len(list) == 0:
	case strings.HasPrefix(flag, "f"):
		list = list[:1]
	case strings.HasPrefix(flag, "l"):
		list = list[len(list)-1:]
	}
	return k.is(slices.ContainsFunc(list, func(v string) bool { return k.matches(v, 2) }))
}

// headerNames are those that the regular expression of an argument matches.
func (k *call) headerNames(at int) (names []string) {
	m := k.message()
	for i := range m.Len() {
		if name := string(m.Name(i)); k.matches(name, at) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// substitute changes a part of the Request-URI by the argument, which is as sed has it.
func (k *call) substitute(name string) int {
	text := k.str(1)
	if len(text) < 3 {
		return k.num(-1)
	}
	parts := strings.Split(text[1:], text[:1])
	if len(parts) < 3 || parts[0] == "" {
		k.log("it is not of the form /expression/replacement/")
		return k.num(-1)
	}
	expression := parts[0]
	if strings.Contains(parts[2], "i") {
		expression = "(?i)" + expression
	}
	re, err := k.sh.expression(expression)
	if err != nil {
		k.log(err.Error())
		return k.num(-1)
	}
	old := k.plain(name)
	at := re.FindStringSubmatchIndex(old.Text)
	if old.Kind != pv.String || at == nil {
		return k.num(-1)
	}
	out := []byte(old.Text[:at[0]])
	out = re.ExpandString(out, groups(parts[1]), old.Text, at)
	if rest := old.Text[at[1]:]; strings.Contains(parts[2], "g") {
		rest = re.ReplaceAllString(rest, groups(parts[1]))
		out = append(out, rest...)
	} else {
		out = append(out, rest...)
	}
	return k.is(k.setDestination(name, pv.Str(string(out))))
}

// groups writes \1 of sed as Go has it.
func groups(replacement string) string {
	var b strings.Builder
	for i := 0; i < len(replacement); i++ {
		switch c := replacement[i]; {
		case c == '$':
			b.WriteString("$$")
		case c == '\\' && i+1 < len(replacement):
			if i++; replacement[i] >= '0' && replacement[i] <= '9' {
				b.WriteString("${" + replacement[i:i+1] + "}")
			} else {
				b.WriteByte(replacement[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (k *call) alphanumeric(further string) int {
	s := k.str(1)
	if s == "" {
		return k.num(-2)
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(further, c) >= 0) {
			return k.num(-3)
		}
	}
	return k.num(1)
}

func (k *call) compareURIs(same func(u, v *message.URI) bool) int {
	u, err := message.ParseURI([]byte(k.str(1)))
	v, err2 := message.ParseURI([]byte(k.str(2)))
	if err != nil || err2 != nil {
		return k.num(-2)
	}
	return k.is(same(&u, &v))
}

func portOf(u *message.URI) uint16 {
	switch {
	case u.Port != 0:
		return uint16(u.Port)
	case strings.EqualFold(string(u.Scheme), "sips"):
		return 5061
	}
	return 5060
}

// withParams changes the parameters of the Request-URI.
func (k *call) withParams(change func(params string) string) int {
	text := k.uri()
	u, err := message.ParseURI([]byte(text))
	if err != nil || !u.IsSIP() {
		return k.num(-1)
	}
	params, tail := string(u.Params), ""
	head := text
	if i := strings.LastIndexByte(head, '?'); i >= 0 && len(u.Headers) > 0 {
		head, tail = head[:i], head[i:]
	}
	head, whole := strings.CutSuffix(head, params)
	changed := head + change(params) + tail
	if _, err := message.ParseURI([]byte(changed)); err != nil || !whole {
		return k.num(-1)
	}
	k.setURI(changed)
	return k.num(1)
}
