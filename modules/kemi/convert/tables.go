package convert

// Hash tables, databases and gateways.

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

var nonName = regexp.MustCompile(`[^A-Za-z0-9_]`)

// dictionary is the dictionary of a hash table.
func (f *fn) dictionary(e syntax.Expr) string {
	s, ok := e.(*syntax.String)
	if !ok {
		return "sip.shared(" + f.value(e).text + ")"
	}
	return f.c.tableName(s.Value)
}

// tableName is the variable that has a hash table.
func (c *conv) tableName(name string) string {
	c.next.tables[name] = true
	id := nonName.ReplaceAllString(name, "_")
	if id == "" || id[0] >= '0' && id[0] <= '9' || reserved[id] || c.defs[id] != nil {
		id = "table_" + id
	}
	return id
}

// reserved are names that the new script has otherwise.
var reserved = map[string]bool{"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true, "false": true, "for": true, "function": true, "if": true, "in": true,
	"local": true, "nil": true, "not": true, "or": true, "repeat": true, "return": true, "then": true, "true": true, "until": true, "while": true, "goto": true, "req": true, "res": true, "branch": true,
	"sip": true, "registrar": true, "auth": true, "acl": true, "limit": true, "nat": true, "dispatch": true, "dialog": true, "sql": true, "rtpengine": true, "uac": true, "messages": true, "targets": true,
	"string": true, "table": true, "math": true, "os": true}

func matchName(f *fn, args []syntax.Expr, _ int) expr {
	if op, ok := args[1].(*syntax.String); ok && op.Value == "eq" {
		return status(f.dictionary(args[0]) + ":get(" + asText(f.value(args[2])) + ")")
	}
	f.decide("KSR.htable.sht_match_name looks through all keys: %s:keys() has them", f.dictionary(args[0]))
	return statusOf(known(false))
}

func tableGet(f *fn, args []syntax.Expr, _ int) expr {
	x := reading(f.dictionary(args[0]) + ":get(" + asText(f.value(args[1])) + ")")
	if v := f.initial(args[0]); v != "" {
		return orElse(x, v)
	}
	return x
}

func tableGete(f *fn, args []syntax.Expr, line int) expr {
	x := tableGet(f, args, line)
	if x.level == orLevel {
		return x
	}
	return orElse(x, `""`)
}

func tableNull(f *fn, args []syntax.Expr, line int) expr {
	x := tableGet(f, args, line)
	return statusOf(expr{text: in(x, compareLevel+1) + " == nil", level: compareLevel, pure: true})
}

// initial is the value of the keys of a table that have none, "" for nil.
func (f *fn) initial(e syntax.Expr) string {
	s, ok := e.(*syntax.String)
	if !ok || f.c.config == nil {
		return ""
	}
	v := f.c.config.Tables()[s.Value]["initval"]
	if _, err := strconv.Atoi(v); err == nil || v == "" {
		return v
	}
	return quoted(v)
}

func tableInc(by int) idiom {
	return func(f *fn, args []syntax.Expr, _ int) expr {
		text := f.dictionary(args[0]) + ":incr(" + asText(f.value(args[1]))
		if by < 0 {
			text += ", -1"
		}
		if v := f.initial(args[0]); v != "" && v != "0" {
			text += map[bool]string{true: "", false: ", 1"}[by < 0] + ", " + v
		} else if v == "" {
			f.decide("KSR.htable counts no key that has no number (-255), unless the table has an initval; incr begins with 0")
		}
		return word(text + ")")
	}
}

// failsOver is whether the script tries one gateway after another.
func (c *conv) failsOver() bool { return c.facts.flags["ds_next"] }

var orders = map[int]string{4: "round_robin", 6: "random", 8: "weight", 9: "weight", 10: "least_calls"}

// selectGateway has a variable with the gateways of a set.
func selectGateway(f *fn, args []syntax.Expr, _ int) expr {
	f.c.next.modules["dispatch"] = true
	set, known := f.setName(args[0])
	alg, _ := number(args[1])
	by := orders[alg]
	if by == "" {
		by = `hash", key = ` + map[int]string{0: "req.call_id", 1: "tostring(req.from.uri)", 2: "tostring(req.to.uri)"}[alg]
		if alg > 2 {
			by += "tostring(req.ruri)"
		}
	} else {
		by += `"`
	}
	function := "dispatch.select"
	if f.c.failsOver() {
		function = "dispatch.targets"
	}
	call := function + "(" + set + ", { by = \"" + by + " })"
	if !known { // a set that is not there raises an error
		f.c.next.options["gateways"] = function
		call = "gateways(" + set + ", { by = \"" + by + " })"
	}
	return statusOf(f.setDestination(call, true))
}

// setName is the name of a set of gateways; known: it is a number in the script.
func (f *fn) setName(e syntax.Expr) (string, bool) {
	if n, ok := number(e); ok {
		f.c.next.sets[strconv.Itoa(n)] = true
		return quoted(strconv.Itoa(n)), true
	}
	return "tostring(" + f.value(e).text + ")", false
}

func isFromSet(f *fn, args []syntax.Expr, _ int) expr {
	f.c.next.modules["dispatch"] = true
	set, _ := f.setName(args[0])
	return status("dispatch.is_from(req, " + set + ")")
}

func nextGateway(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.flags["ds_next"] = true
	f.decide("the next gateway of a failure route: req:relay tries the list of dispatch.targets by itself, and the option failover says after which codes")
	return statusOf(known(false))
}

// sqlQuery has a variable with the rows. Values that the query is put together of become
// parameters.
func sqlQuery(f *fn, args []syntax.Expr, _ int) expr {
	f.c.next.modules["sql"] = true
	con, ok := args[0].(*syntax.String)
	result, named := args[2].(*syntax.String)
	if !ok || !named {
		f.decide("KSR.sqlops.sql_query with names made at run time: rows, err = db:rows(query, …)")
		return statusOf(known(false))
	}
	f.c.next.databases[con.Value] = true
	query, values := f.query(args[1])
	function := "rows"
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(query, `"`))), "SELECT") {
		function = "exec"
	}
	call := databaseName(con.Value) + ":" + function + "(" + strings.Join(append([]string{query}, values...), ", ") + ")"
	name := nonName.ReplaceAllString(result.Value, "_")
	if function == "exec" || name == "" {
		return expr{text: call, level: atom, status: true, good: 0, bad: -1}
	}
	if reserved[name] {
		name = "rows_" + name
	}
	f.statuses["\x00"+result.Value] = expr{text: name, literal: &query}
	f.pre = append(f.pre, node{head: "local " + name + " = " + call})
	return expr{text: name, level: atom, pure: true, status: true, good: 0, bad: -1}
}

func databaseName(con string) string { return nonName.ReplaceAllString(con, "_") }

// query is the text of a query and its parameters: what is put between quotes becomes one.
func (f *fn) query(e syntax.Expr) (string, []string) {
	x := f.value(e)
	if x.pieces == nil {
		return x.text, nil
	}
	text, values := "", []string{}
	for i, p := range x.pieces {
		switch {
		case p.literal != nil:
			s := *p.literal
			if i > 0 {
				s = strings.TrimPrefix(s, "'")
			}
			if i < len(x.pieces)-1 {
				s = strings.TrimSuffix(s, "'")
			}
			text += s
		default:
			text += "?"
			values = append(values, asText(p))
		}
	}
	return quoted(text), values
}

// rowsOf is the variable with a result, and its columns.
func (f *fn) rowsOf(e syntax.Expr) (name string, columns []string) {
	s, ok := e.(*syntax.String)
	if !ok {
		return "", nil
	}
	x, there := f.statuses["\x00"+s.Value]
	if !there {
		f.decide("the rows of %q come from another function: hand them over", s.Value)
		return "", nil
	}
	m := regexp.MustCompile(`(?i)select\s+(.*?)\s+from\s`).FindStringSubmatch(*x.literal)
	if m == nil {
		return x.text, nil
	}
	for c := range strings.SplitSeq(m[1], ",") {
		words := strings.Fields(c)
		columns = append(columns, words[len(words)-1])
	}
	return x.text, columns
}

func sqlRows(f *fn, args []syntax.Expr, _ int) expr {
	name, _ := f.rowsOf(args[0])
	if name == "" {
		return expr{text: "0", level: atom, pure: true}
	}
	return expr{text: "#" + name, level: unaryLevel, pure: true}
}

// sqlCell is a value by row and column.
func sqlCell(f *fn, args []syntax.Expr, _ int) expr {
	name, columns := f.rowsOf(args[0])
	row, ok := number(args[1])
	column, ok2 := number(args[2])
	if name == "" || !ok || !ok2 || column >= len(columns) {
		f.decide("a row is a table by column: rows[1].name")
		return nilExpr()
	}
	return reading(name + "[" + strconv.Itoa(row+1) + "]." + columns[column])
}

func sqlNull(f *fn, args []syntax.Expr, line int) expr {
	return expr{text: sqlCell(f, args, line).text + " == nil", level: compareLevel, pure: true, status: true, good: 1, bad: 0}
}
