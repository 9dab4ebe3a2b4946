package pv

// Transformations.

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Step is one transformation: {s.substr,0,3}.
type Step struct {
	Name string // "s.substr"
	Args []Text // its parameters
	do   func(in Value, args []string) Value
}

// Kind of a Value.
type Kind uint8

// Null is a variable without a value.
const (
	Null Kind = iota
	String
	Number
)

// Value of a variable.
type Value struct {
	Kind Kind   // which of the others counts
	Text string // of a String
	N    int64  // of a Number
}

// Str makes a String.
func Str(s string) Value { return Value{Kind: String, Text: s} }

// Num makes a Number.
func Num(n int64) Value { return Value{Kind: Number, N: n} }

// String is the value as text, "" for Null.
func (v Value) String() string {
	if v.Kind == Number {
		return strconv.FormatInt(v.N, 10)
	}
	return v.Text
}

func parseStep(text string, depth int) (s Step, err error) {
	name, rest, _ := strings.Cut(text, ",")
	d, known := steps[strings.TrimSpace(name)]
	if !known {
		return s, fmt.Errorf("there is no transformation {%.40s} here", name)
	}
	s.Name, s.do = strings.TrimSpace(name), d.do
	if d.args == 0 {
		if rest != "" {
			return s, fmt.Errorf("{%s} has no parameters", s.Name)
		}
		return s, nil
	}
	parts := strings.SplitN(rest, ",", d.args)
	if rest == "" || len(parts) < d.args-d.optional {
		return s, fmt.Errorf("{%s} needs %d parameters", s.Name, d.args)
	}
	for _, part := range parts {
		t, err := (&parser{text: part}).pieces(depth + 1)
		if err != nil {
			return s, err
		}
		s.Args = append(s.Args, t)
	}
	return s, nil
}

// Apply carries out the transformations of v on its value; of reads the variables in their
// parameters. No value stays none.
func (v *Var) Apply(in Value, of func(*Var) Value) Value {
	for i := range v.Steps {
		s := &v.Steps[i]
		if in.Kind == Null && s.Name != "s.len" {
			return in
		}
		args := make([]string, len(s.Args))
		for j, t := range s.Args {
			args[j] = t.Expand(of)
		}
		in = s.do(in, args)
	}
	return in
}

// Expand is the text with the values of its variables; Null is "<null>", as there.
func (t Text) Expand(of func(*Var) Value) string {
	if len(t) == 1 && t[0].Var == nil {
		return t[0].Literal
	}
	var b strings.Builder
	for _, p := range t {
		if p.Var == nil {
			b.WriteString(p.Literal)
			continue
		}
		if v := of(p.Var); v.Kind == Null {
			b.WriteString("<null>")
		} else {
			b.WriteString(v.String())
		}
	}
	return b.String()
}

// Constant is the text, if there are no variables in it.
func (t Text) Constant() (string, bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].Var == nil:
		return t[0].Literal, true
	}
	return "", false
}

type definition struct {
	args, optional int
	do             func(in Value, args []string) Value
}

// text makes a transformation from one of texts.
func text(f func(string) string) definition {
	return definition{do: func(in Value, _ []string) Value { return Str(f(in.String())) }}
}

func text1(f func(s, arg string) string) definition {
	return definition{args: 1, do: func(in Value, a []string) Value { return Str(f(in.String(), a[0])) }}
}

// number reads a parameter; what is not a number is 0.
func number(s string) int { n, _ := strconv.Atoi(strings.TrimSpace(s)); return n }

// steps are the transformations.
var steps = map[string]definition{
	"s.len":            {do: func(in Value, _ []string) Value { return Num(int64(len(in.String()))) }},
	"s.int":            {do: func(in Value, _ []string) Value { return Num(leadingInt(in.String())) }},
	"s.numeric":        text(digits),
	"s.md5":            text(func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }),
	"s.sha256":         text(func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }),
	"s.sha384":         text(func(s string) string { h := sha512.Sum384([]byte(s)); return hex.EncodeToString(h[:]) }),
	"s.sha512":         text(func(s string) string { h := sha512.Sum512([]byte(s)); return hex.EncodeToString(h[:]) }),
	"s.tolower":        text(strings.ToLower),
	"s.toupper":        text(strings.ToUpper),
	"s.trim":           text(func(s string) string { return strings.Trim(s, blanks) }),
	"s.ltrim":          text(func(s string) string { return strings.TrimLeft(s, blanks) }),
	"s.rtrim":          text(func(s string) string { return strings.TrimRight(s, blanks) }),
	"s.encode.hexa":    text(func(s string) string { return hex.EncodeToString([]byte(s)) }),
	"s.decode.hexa":    {do: decoded(func(s string) ([]byte, error) { return hex.DecodeString(s) })},
	"s.encode.base64":  text(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	"s.decode.base64":  {do: decoded(base64.StdEncoding.DecodeString)},
	"s.escape.user":    text(func(s string) string { return escape(s, userChars) }),
	"s.unescape.user":  {do: decoded(unescape)},
	"s.escape.param":   text(func(s string) string { return escape(s, paramChars) }),
	"s.unescape.param": {do: decoded(unescape)},
	"s.unquote": text(func(s string) string {
		if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
			return s[1 : len(s)-1]
		}
		return s
	}),
	"s.strip":     text1(func(s, a string) string { return s[min(max(number(a), 0), len(s)):] }),
	"s.striptail": text1(func(s, a string) string { return s[:len(s)-min(max(number(a), 0), len(s))] }),
	"s.rm":        text1(func(s, a string) string { return strings.ReplaceAll(s, a, "") }),
	"s.before":    text1(func(s, a string) string { b, _, _ := strings.Cut(s, a); return b }),
	"s.after":     text1(func(s, a string) string { _, b, _ := strings.Cut(s, a); return b }),
	"s.rbefore":   text1(func(s, a string) string { return s[:max(strings.LastIndex(s, a), 0)] }),
	"s.rafter": text1(func(s, a string) string {
		if i := strings.LastIndex(s, a); i >= 0 {
			return s[i+len(a):]
		}
		return ""
	}),
	"s.count":   {args: 1, do: func(in Value, a []string) Value { return Num(int64(strings.Count(in.String(), a[0]))) }},
	"s.replace": {args: 2, do: func(in Value, a []string) Value { return Str(strings.ReplaceAll(in.String(), a[0], a[1])) }},
	"s.substr":  {args: 2, optional: 1, do: substr},
	"s.select":  {args: 2, do: selected},

	"uri.user":      uri(func(u *message.URI) string { return string(u.User) }),
	"uri.host":      uri(func(u *message.URI) string { return string(u.Host) }),
	"uri.passwd":    uri(func(u *message.URI) string { return string(u.Password) }),
	"uri.scheme":    uri(func(u *message.URI) string { return string(u.Scheme) }),
	"uri.params":    uri(func(u *message.URI) string { return strings.TrimPrefix(string(u.Params), ";") }),
	"uri.headers":   uri(func(u *message.URI) string { return string(u.Headers) }),
	"uri.transport": uri(func(u *message.URI) string { v, _ := u.Params.Get("transport"); return string(v) }),
	"uri.port": uri(func(u *message.URI) string {
		if u.Port == 0 {
			return ""
		}
		return strconv.Itoa(int(u.Port))
	}),
	"uri.param": {args: 1, do: func(in Value, a []string) Value {
		if u, err := message.ParseURI([]byte(in.String())); err == nil {
			if v, ok := u.Params.Get(a[0]); ok {
				return Str(string(v))
			}
		}
		return Value{}
	}},
	"param.value":   {args: 2, optional: 1, do: paramValue},
	"nameaddr.name": address(func(a *message.Address) string { return string(a.Display) }),
	"nameaddr.uri":  address(func(a *message.Address) string { return string(a.URI) }),
	"tobody.uri":    address(func(a *message.Address) string { return string(a.URI) }),
	"tobody.tag":    address(func(a *message.Address) string { v, _ := a.Params.Get("tag"); return string(v) }),
}

const blanks = " \t\r\n"

func decoded(f func(string) ([]byte, error)) func(Value, []string) Value {
	return func(in Value, _ []string) Value {
		b, err := f(in.String())
		if err != nil {
			return Value{}
		}
		return Str(string(b))
	}
}

func uri(f func(*message.URI) string) definition {
	return definition{do: func(in Value, _ []string) Value {
		u, err := message.ParseURI([]byte(in.String()))
		if err != nil {
			return Value{}
		}
		return Str(f(&u))
	}}
}

func address(f func(*message.Address) string) definition {
	return definition{do: func(in Value, _ []string) Value {
		a, err := message.ParseAddress([]byte(in.String()))
		if err != nil {
			return Value{}
		}
		return Str(f(&a))
	}}
}

// substr is {s.substr,offset,length}: a negative offset counts from the end, length 0 is the rest.
func substr(in Value, a []string) Value {
	s := in.String()
	from := number(a[0])
	if from < 0 {
		from += len(s)
	}
	if from < 0 || from > len(s) {
		return Value{}
	}
	s = s[from:]
	if len(a) > 1 {
		switch n := number(a[1]); {
		case n > 0 && n < len(s):
			s = s[:n]
		case n < 0:
			s = s[:max(len(s)+n, 0)]
		}
	}
	return Str(s)
}

// selected is {s.select,index,separator}.
func selected(in Value, a []string) Value {
	if a[1] == "" {
		return Value{}
	}
	parts := strings.Split(in.String(), a[1][:1])
	i := number(a[0])
	if i < 0 {
		i += len(parts)
	}
	if i < 0 || i >= len(parts) {
		return Str("")
	}
	return Str(parts[i])
}

// paramValue is {param.value,name[,delimiter]}. In quotes a delimiter is text (RFC 3261 §25.1).
func paramValue(in Value, a []string) Value {
	sep := byte(';')
	if len(a) > 1 && a[1] != "" {
		sep = a[1][0]
	}
	for rest, more := in.String(), true; more; {
		var part string
		part, rest, more = cutParam(rest, sep)
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(name), a[0]) {
			value = strings.TrimSpace(value)
			if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			return Str(value)
		}
	}
	return Value{}
}

// cutParam divides a list at its first delimiter that is not in quotes.
func cutParam(s string, sep byte) (part, rest string, more bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func leadingInt(s string) int64 {
	s = strings.TrimLeft(s, blanks)
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64)
	return n
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

const (
	alnum      = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	userChars  = alnum + "-_.!~*'()&=+$,;?/"
	paramChars = alnum + "-_.!~*'()[]/:&+$"
)

func escape(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(keep, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02x", s[i])
		}
	}
	return b.String()
}

var errEscape = errors.New("a bad escape")

func unescape(s string) ([]byte, error) {
	out, err := url.PathUnescape(s)
	if err != nil {
		return nil, errEscape
	}
	return []byte(out), nil
}
