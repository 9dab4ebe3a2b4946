package pv

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"$ru":                           "ru",
		"$rU":                           "rU",
		"$(ru)":                         "ru",
		"$hdr(X-A)":                     "hdr(X-A)",
		"$(hdr(Via)[-1])":               "hdr(Via)[-1]",
		"$(hdr(Via)[*])":                "hdr(Via)[*]",
		"$(ru{uri.user}{s.len})":        "ru{uri.user}{s.len}",
		"$avp(s:a)":                     "avp(a)",
		"$(avp(a)[1])":                  "avp(a)[1]",
		"$xavp(a=>b)":                   "xavp(a=>b)",
		"$xavp(a[0]=>b)":                "xavp(a<0>=>b)",
		"$sht(ipban=>$si)":              "sht(ipban=>$)",
		"$sht(t=>$(ru{s.len})x)":        "sht(t=>$x)",
		"$T_rpl($rs)":                   "T_rpl($rs)",
		"$T_req($ru)":                   "T_req($ru)",
		"$(var(x){s.substr,0,3})":       "var(x){s.substr,0,3}",
		"$(var(x){s.select,$var(i),;})": "var(x){s.select,$,;}",
		"ru":                            "! a variable begins with $",
		"":                              "! a variable begins with $",
		"$nosuch":                       "! there is no variable $nosuch here",
		"$ru{uri.user}":                 `! "{uri.user}" follows it`,
		"$var()":                        "! $var() names nothing",
		"$var":                          "! $var needs (…)",
		"$sht(t)":                       "! $sht needs (NAME=>KEY)",
		"$sht(t=>)":                     "! $sht(t=>) names no key",
		"$(ru":                          "! ) is missing",
		"$hdr(x":                        "! ) is missing",
		"$(ru{s.len)":                   "! } is missing",
		"$(ru{s.nosuch})":               "! there is no transformation {s.nosuch} here",
		"$(ru{s.substr})":               "! {s.substr} needs 2 parameters",
		"$(ru{s.len,1})":                "! {s.len} has no parameters",
		"$(avp(a)[x])":                  `! "x" is not an index`,
		"$(avp(a)[1)":                   "! ] is missing",
		"$xavp(a[x]=>b)":                `! "x]" is not an index`,
		"$T_rpl(ru)":                    "! a variable begins with $",
		"$" + strings.Repeat("x", 5000): "! it is too long",
		strings.Repeat("$T_rpl(", 12) + "$ru" + strings.Repeat(")", 12): "! there are too many variables within variables",
	} {
		t.Run(text, func(t *testing.T) {
			v, err := Parse(text)
			got := ""
			if err != nil {
				got = "! " + err.Error()
			} else {
				got = show(v)
			}
			if got != want && !(err != nil && strings.HasPrefix(got, want)) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// show writes a variable plainly, those in texts as "$".
func show(v *Var) string {
	s := v.Name
	if v.HasArg && v.Inner == nil {
		s += "(" + v.Arg
		if v.HasAt {
			s += "<" + Num(int64(v.At)).String() + ">"
		}
		if v.HasKey {
			s += "=>" + plainText(v.Key)
		}
		s += ")"
	}
	if v.Inner != nil {
		s += "($" + show(v.Inner) + ")"
	}
	switch v.Has {
	case At:
		s += "[" + Num(int64(v.Index)).String() + "]"
	case All:
		s += "[*]"
	}
	for _, step := range v.Steps {
		s += "{" + step.Name
		for _, a := range step.Args {
			s += "," + plainText(a)
		}
		s += "}"
	}
	return s
}

func plainText(t Text) string {
	s := ""
	for _, p := range t {
		if p.Var != nil {
			s += "$"
		}
		s += p.Literal
	}
	return s
}

func TestSteps(t *testing.T) {
	const address = `"Al" <sip:al@h>;tag=7`
	const at = "sip:al:pw@h.example:5070;transport=tcp;x=1?a=b"
	for _, c := range []struct{ in, steps, want string }{
		{"abc", "{s.len}", "3"},
		{"", "{s.len}", "0"},
		{"12ab", "{s.int}", "12"},
		{"-7", "{s.int}", "-7"},
		{"x", "{s.int}", "0"},
		{"+49 (30) 1", "{s.numeric}", "49301"},
		{"abc", "{s.md5}", "900150983cd24fb0d6963f7d28e17f72"},
		{"abc", "{s.sha256}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"aBc", "{s.tolower}", "abc"},
		{"aBc", "{s.toupper}", "ABC"},
		{" a ", "{s.trim}", "a"},
		{"abc", "{s.encode.hexa}", "616263"},
		{"616263", "{s.decode.hexa}", "abc"},
		{"zz", "{s.decode.hexa}", "<null>"},
		{"abc", "{s.encode.base64}", "YWJj"},
		{"YWJj", "{s.decode.base64}", "abc"},
		{"a b", "{s.escape.user}", "a%20b"},
		{"a%20b", "{s.unescape.user}", "a b"},
		{`"ab"`, "{s.unquote}", "ab"},
		{"abcdef", "{s.substr,1,2}", "bc"},
		{"abcdef", "{s.substr,2,0}", "cdef"},
		{"abcdef", "{s.substr,-2,0}", "ef"},
		{"abc", "{s.substr,9,1}", "<null>"},
		{"abc", "{s.strip,1}", "bc"},
		{"abc", "{s.strip,9}", ""},
		{"abc", "{s.striptail,1}", "ab"},
		{"a,b,c", "{s.select,1,,}", "b"},
		{"a;b;c", "{s.select,-1,;}", "c"},
		{"a;b", "{s.select,7,;}", ""},
		{"a-b-c", "{s.rm,-}", "abc"},
		{"a-b-c", "{s.replace,-,+}", "a+b+c"},
		{"a-b-c", "{s.before,-}", "a"},
		{"a-b-c", "{s.after,-}", "b-c"},
		{"a-b-c", "{s.rbefore,-}", "a-b"},
		{"a-b-c", "{s.rafter,-}", "c"},
		{"a-b-c", "{s.count,-}", "2"},
		{at, "{uri.user}", "al"},
		{at, "{uri.host}", "h.example"},
		{at, "{uri.port}", "5070"},
		{at, "{uri.passwd}", "pw"},
		{at, "{uri.transport}", "tcp"},
		{at, "{uri.param,x}", "1"},
		{at, "{uri.param,y}", "<null>"},
		{at, "{uri.headers}", "a=b"},
		{"", "{uri.user}", "<null>"},
		{"a=1;b=2", "{param.value,b}", "2"},
		{"a=1&b=2", "{param.value,b,&}", "2"},
		{`SIP;text="a;cause=5";cause=200`, "{param.value,cause}", "200"},
		{`SIP;text="a;cause=5";cause=200`, "{param.value,text}", "a;cause=5"},
		{`Q.850 ;text="told \"no;\"" ;cause = 16`, "{param.value,cause}", "16"},
		{`Q.850 ;text="told \"no;\"" ;cause = 16`, "{param.value,text}", `told \"no;\"`},
		{`x;text="open;cause=5`, "{param.value,cause}", "<null>"},
		{address, "{nameaddr.uri}", "sip:al@h"},
		{address, "{tobody.tag}", "7"},
		{address, "{nameaddr.uri}{uri.user}{s.len}", "2"},
	} {
		t.Run(c.in+c.steps, func(t *testing.T) {
			v, err := Parse("$(var(x)" + c.steps + ")")
			if err != nil {
				t.Fatal(err)
			}
			got := v.Apply(Str(c.in), nil)
			if show := (Text{{Var: v}}).Expand(func(*Var) Value { return got }); show != c.want {
				t.Errorf("%q, want %q", show, c.want)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	text, err := ParseText("a $ru b $$ $(var(x){s.len}) $du")
	if err != nil {
		t.Fatal(err)
	}
	got := text.Expand(func(v *Var) Value {
		if v.Name == "du" {
			return Value{}
		}
		return v.Apply(Str("v"+v.Name), nil)
	})
	if want := "a vru b $ 4 <null>"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"$ru", "$(hdr(Via)[-1])", "$(var(x){s.substr,0,$var(y)})", "$xavp(a[0]=>b)", "$sht(t=>$si)", "$T_rpl($rs)", "$(avp(a)[*])", "$(ru{uri.user}{s.len})"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		text, err2 := ParseText(s)
		if err == nil && (err2 != nil || len(text) != 1 || text[0].Var == nil || show(text[0].Var) != show(v)) {
			t.Fatalf("%q is a variable, and as a text %v, %v", s, text, err2)
		}
		if err2 != nil {
			return
		}
		in := Value{}
		depth := 0
		var of func(v *Var) Value
		of = func(v *Var) Value {
			if depth++; depth > 1000 {
				return in
			}
			return v.Apply(in, of)
		}
		for _, in = range []Value{{}, Str(""), Str(s), Num(-5)} {
			text.Expand(of)
		}
	})
}
