package convert

// Pseudo-variables.

import (
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// fields are the variables that are fields here.
var fields = map[string]string{
	"ru": "req.ruri", "rU": "req.ruri.user", "rd": "req.ruri.host", "rp": "req.ruri.port", "rz": "req.ruri.scheme", "fu": "req.from.uri", "fU": "req.from.uri.user", "fd": "req.from.uri.host",
	"fn": "req.from.display", "ft": "req.from.tag", "tu": "req.to.uri", "tU": "req.to.uri.user", "td": "req.to.uri.host", "tn": "req.to.display", "tt": "req.to.tag", "ci": "req.call_id",
	"rm": "req.method", "si": "req.source.ip", "sp": "req.source.port", "pr": "req.source.transport", "proto": "req.source.transport", "Ri": "req.received_on.ip", "Rp": "req.received_on.port",
	"Rn": "req.received_on.name", "ua": "req.user_agent", "ct": `req:header("Contact")`, "cs": "req.cseq.number", "rb": "req.body", "cT": "req.content_type", "rs": "res.code", "rr": "res.reason",
	"T_reply_code": "res.code", "T_reply_reason": "res.reason", "TS": "sip.now()", "Ts": "sip.now()", "ai": `req:header("P-Asserted-Identity")`, "di": `req:header("Diversion")`, "re": `req:header("Remote-Party-ID")`,
	"pu": `req:header("P-Preferred-Identity")`,
}

// present are those that every message has: they need no default.
var present = map[string]bool{"ru": true, "rd": true, "fu": true, "fd": true, "tu": true, "td": true, "ci": true, "rm": true, "si": true, "sp": true, "pr": true, "proto": true, "Ri": true, "Rp": true,
	"cs": true, "rs": true, "rr": true, "T_reply_code": true, "T_reply_reason": true, "TS": true, "Ts": true, "rz": true}

// branchFields are those that a branch, and not its request, has.
var branchFields = map[string]bool{"ru": true, "rU": true, "rd": true, "rp": true}

// variable reads one. def is what stands for one without a value, "" for nil.
func (f *fn) variable(v *pv.Var, def string) expr {
	x, ok := f.plainVariable(v)
	if ok {
		for _, s := range v.Steps {
			if x, ok = f.step(x, s); !ok {
				break
			}
		}
	}
	if !ok {
		f.decide("the variable $%s has no translation", describe(v))
		if def != "" {
			return expr{text: def, level: atom, pure: true}
		}
		return nilExpr()
	}
	if def != "" && (!present[v.Name] || len(v.Steps) > 0) {
		return orElse(x, def)
	}
	return x
}

func describe(v *pv.Var) string {
	s := v.Name
	if v.HasArg {
		s += "(" + v.Arg + ")"
	}
	for _, t := range v.Steps {
		s += "{" + t.Name + "}"
	}
	return s
}

func (f *fn) plainVariable(v *pv.Var) (expr, bool) {
	if text, ok := fields[v.Name]; ok {
		if f.key.at == inBranch && branchFields[v.Name] {
			text = strings.Replace(text, "req.", "branch.", 1)
		}
		x := reading(text)
		x.uri = v.Name == "ru" || v.Name == "fu" || v.Name == "tu"
		return x, f.key.at != atFile
	}
	switch v.Name {
	case "hdr":
		if v.Has == pv.At && v.Index >= 0 {
			return reading(f.message() + ":headers(" + quoted(v.Arg) + ")[" + strconv.Itoa(v.Index+1) + "]"), true
		}
		return reading(f.message() + ":header(" + quoted(v.Arg) + ")"), v.Has == pv.Newest
	case "var", "avp":
		return reading(f.ownVariable(v.Arg)), v.Has == pv.Newest
	case "xavp":
		name := v.Arg
		if v.HasKey && len(v.Key) == 1 && v.Key[0].Var == nil {
			name += "_" + v.Key[0].Literal
		}
		return reading(f.ownVariable(name)), v.Has == pv.Newest
	case "shv":
		return reading("sip.shared(\"shv\"):get(" + quoted(v.Arg) + ")"), true
	case "sht":
		x := reading(f.c.tableName(v.Arg) + ":get(" + f.keyText(v.Key) + ")")
		if initial := f.initial(&syntax.String{Value: v.Arg}); initial != "" {
			return orElse(x, initial), true
		}
		return x, true
	case "T_req":
		return f.variable(v.Inner, ""), true
	case "au", "aU":
		return reading("req.vars.user"), true
	case "null":
		return nilExpr(), true
	case "T_branch_idx":
		f.c.leave("$T_branch_idx", 0, "branches have no numbers: branch.target is what a target was made of")
		return quote("?"), true
	case "def":
		if f.c.config != nil {
			return quote(f.c.config.Defines[v.Arg]), true
		}
	}
	return expr{}, false
}

// ownVariable is where a script's variable is kept: with the request.
func (f *fn) ownVariable(name string) string {
	if plainName.MatchString(name) && !reserved[name] {
		return "req.vars." + name
	}
	return "req.vars[" + quoted(name) + "]"
}

// keyText is a key that may have variables in it.
func (f *fn) keyText(t pv.Text) string {
	var list []expr
	for _, p := range t {
		if p.Var == nil {
			list = append(list, quote(p.Literal))
			continue
		}
		list = append(list, f.variable(p.Var, ""))
	}
	if len(list) == 0 {
		return `""`
	}
	return asText(concatenation(list))
}

// step is a transformation.
func (f *fn) step(x expr, s pv.Step) (expr, bool) {
	p := prefix(reading(asText(x)))
	if x.level < atom {
		p = "(" + x.text + ")"
	}
	switch s.Name {
	case "s.len":
		return expr{text: "#" + p, level: unaryLevel, pure: true}, true
	case "s.int":
		return reading("tonumber(" + asText(x) + ")"), true
	case "s.tolower":
		return reading(p + ":lower()"), true
	case "s.toupper":
		return reading(p + ":upper()"), true
	case "s.md5":
		return reading("sip.hash.md5(" + asText(x) + ")"), true
	case "s.encode.base64":
		return reading("sip.base64.encode(" + asText(x) + ")"), true
	case "uri.user", "uri.host", "uri.port":
		return reading("sip.uri(" + asText(x) + ")." + strings.TrimPrefix(s.Name, "uri.")), true
	case "s.substr":
		from, err := strconv.Atoi(literal(s, 0))
		n, err2 := strconv.Atoi(literal(s, 1))
		if err != nil || err2 != nil || from < 0 || n < 0 {
			return x, false
		}
		if n == 0 {
			return reading(p + ":sub(" + strconv.Itoa(from+1) + ")"), true
		}
		return reading(p + ":sub(" + strconv.Itoa(from+1) + ", " + strconv.Itoa(from+n) + ")"), true
	}
	return x, false
}

// literal is a parameter of a transformation that has no variables in it.
func literal(s pv.Step, i int) string {
	if i >= len(s.Args) || len(s.Args[i]) != 1 || s.Args[i][0].Var != nil {
		return ""
	}
	return s.Args[i][0].Literal
}

// parsed is the variable that an argument names.
func (f *fn) parsed(e syntax.Expr) *pv.Var {
	s, ok := e.(*syntax.String)
	if !ok {
		f.decide("a variable whose name is made at run time")
		return nil
	}
	v, err := pv.Parse(s.Value)
	if err != nil {
		f.decide("%q: %v", s.Value, err)
		return nil
	}
	return v
}

// variableCall is KSR.pv.get and its like.
func (f *fn) variableCall(name string, args []syntax.Expr, _ int) expr {
	switch name {
	case "pvx.var_get":
		if s, ok := args[0].(*syntax.String); ok {
			return reading(f.ownVariable(s.Value))
		}
	case "pv.get", "pv.gete", "pv.getw", "pv.getvs", "pv.getvn", "pv.geti":
		v := f.parsed(args[0])
		if v == nil {
			return nilExpr()
		}
		def := map[string]string{"pv.gete": `""`, "pv.getw": `"<null>"`, "pv.geti": "0"}[name]
		if name == "pv.getvs" || name == "pv.getvn" {
			def = f.value(args[1]).text
		}
		if name == "pv.get" && v.Name == "var" {
			def = "0"
		}
		x := f.variable(v, def)
		if name == "pv.geti" {
			return reading("tonumber(" + asText(x) + ")")
		}
		return x
	}
	f.decide("KSR.%s has no translation", name)
	return nilExpr()
}

func isNull(f *fn, args []syntax.Expr, _ int) expr {
	v := f.parsed(args[0])
	if v == nil {
		return known(false)
	}
	x := f.variable(v, "")
	return expr{text: in(x, compareLevel+1) + " == nil", level: compareLevel, pure: true}
}

// kxNames are the variables of KSR.kx.get_NAME.
var kxNames = map[string]string{"ruri": "ru", "furi": "fu", "turi": "tu", "ruser": "rU", "fuser": "fU", "tuser": "tU", "rhost": "rd", "fhost": "fd", "thost": "td", "ftag": "ft", "ttag": "tt", "au": "au",
	"ua": "ua", "cseq": "cs", "callid": "ci", "method": "rm", "srcip": "si", "srcport": "sp", "rcvip": "Ri", "rcvport": "Rp", "proto": "pr", "body": "rb", "timestamp": "TS"}

func (f *fn) kx(name, short string) expr {
	kind, rest, _ := strings.Cut(short, "_")
	v, ok := kxNames[rest]
	if !ok {
		f.decide("KSR.%s has no translation", name)
		return nilExpr()
	}
	return f.variable(&pv.Var{Name: v}, map[string]string{"e": `""`, "w": `"<null>"`}[kind])
}

// setVariable is KSR.pv.sets and KSR.pv.seti.
func setVariable(f *fn, args []syntax.Expr, line int) []node {
	v := f.parsed(args[0])
	if v == nil {
		return nil
	}
	switch v.Name {
	case "ru", "rU", "rd", "rp":
		return setURI(fields[v.Name])(f, args[1:], line)
	case "du":
		return setNextHop(f, args[1:], line)
	case "shv":
		return one("sip.shared(\"shv\"):set(" + quoted(v.Arg) + ", " + f.value(args[1]).text + ")")
	case "sht":
		return one(f.c.tableName(v.Arg) + ":set(" + f.keyText(v.Key) + ", " + asText(f.value(args[1])) + ")")
	case "fu", "fU", "fd", "fn", "tu", "tU", "td", "tn":
		f.c.next.modules["uac"] = true
		f.decide("another From or To: uac.mask(req, { from = uri, display = name }), which also changes it back")
		return nil
	case "var", "avp", "xavp":
		if x, ok := f.plainVariable(v); ok {
			return one(x.text + " = " + asText(f.value(args[1])))
		}
	case "dlg_var":
		f.decide("$dlg_var: req:record_route { name = value } before the INVITE is relayed, or call:keep of dialog.track")
		return nil
	}
	f.decide("$%s cannot be set: Kamailio does nothing then", describe(v))
	return nil
}

func unsetVariable(f *fn, args []syntax.Expr, line int) []node {
	v := f.parsed(args[0])
	if v == nil {
		return nil
	}
	switch v.Name {
	case "du":
		return resetNextHop(f, nil, line)
	case "sht":
		return one(f.c.tableName(v.Arg) + ":delete(" + f.keyText(v.Key) + ")")
	case "var", "avp", "xavp":
		if x, ok := f.plainVariable(v); ok {
			return one(x.text + " = nil")
		}
	}
	f.decide("$%s cannot be unset", describe(v))
	return nil
}

func setVar(f *fn, args []syntax.Expr, _ int) []node {
	if s, ok := args[0].(*syntax.String); ok {
		return one(f.ownVariable(s.Value) + " = " + asText(f.value(args[1])))
	}
	return one("req.vars[" + f.value(args[0]).text + "] = " + asText(f.value(args[1])))
}
