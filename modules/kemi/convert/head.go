package convert

// What stands before the routes: modules, and what they are configured with.

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/sipscript/sipscript/modules/kemi"
)

// head is the beginning of the new script.
func (c *conv) head() (out []node) {
	for _, m := range sorted(c.next.modules) {
		if len(c.facts.sum) > 0 && !c.facts.reads[m] {
			delete(c.next.modules, m) // what asked for it is left out
		}
	}
	if modules := sorted(c.next.modules); len(modules) > 0 {
		var calls []string
		for _, m := range modules {
			calls = append(calls, `require "`+m+`"`)
		}
		out = append(out, required(modules, calls)...)
	}
	out = append(out, c.registrations()...)
	out = append(out, c.peers()...)
	out = append(out, c.stores()...)
	for _, name := range c.next.order {
		out = append(out, node{head: "local " + name + " = {\n  " + c.next.options[name] + ",\n}"})
	}
	if function := c.next.options["gateways"]; function != "" {
		out = append(out, node{lead: []string{"-- A set that is not configured raises an error; there it is as one without gateways."},
			head: "local function gateways(set, options)\n  local ok, found = pcall(" + function + ", set, options)\n  return ok and found or nil\nend"})
	}
	return append(out, c.events()...)
}

// events are the callbacks that the configuration names.
func (c *conv) events() (out []node) {
	if c.config == nil {
		return nil
	}
	for _, cb := range kemi.Callbacks() {
		if function := cb.Function(c.config); function != "" {
			out = append(out, node{lead: c.decision(cb.Setting() + " names the function " + function + ": use " + cb.Ours)})
		}
	}
	return out
}

// required loads modules, as many on a line as there is room for.
func required(modules, calls []string) []node {
	for n := len(modules); n > 0; n-- {
		head := "local " + strings.Join(modules[:n], ", ") + " = " + strings.Join(calls[:n], ", ")
		if len(head) <= width || n == 1 {
			return append([]node{{head: head}}, required(modules[n:], calls[n:])...)
		}
	}
	return nil
}

func sorted(m map[string]bool) []string {
	var list []string
	for name, ok := range m {
		if ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func (c *conv) param(module, name, def string) string {
	if c.config == nil {
		return def
	}
	return c.config.Param(module, name, def)
}

// decision is a comment for the reader in the head.
func (c *conv) decision(text string) []string {
	c.next.decisions++
	return wrapped("-- DECIDE:", text, 0)
}

// registrations configures the registrar and the users.
func (c *conv) registrations() (out []node) {
	if c.next.modules["registrar"] {
		options := `domains = "all"`
		if n := c.param("registrar", "max_expires", ""); n != "" {
			options += ", max_expires = " + n
		}
		if n := c.param("registrar", "max_contacts", ""); n != "" && n != "0" {
			options += ", max_contacts = " + n
		}
		out = append(out, node{head: "registrar.configure { " + options + " }", lead: []string{"-- A user is the same in all domains, as with use_domain=0"}})
	}
	if !c.next.modules["auth"] {
		return out
	}
	out = append(out, node{head: `auth.configure { algorithms = "MD5" }`, lead: []string{`-- "auto" offers SHA-256 too`}})
	if url := kemi.Database(c.param("auth_db", "db_url", "")); url != "" {
		return append(out, node{head: "auth.users { url = " + quoted(url) + `, layout = "kamailio" }`})
	}
	return append(out, node{head: `auth.users { url = "db:", layout = "kamailio" }`, lead: c.decision("where the table subscriber is: --db URL, or a URL here")})
}

// peers configures lists of addresses, gateways and media.
func (c *conv) peers() (out []node) {
	if groups := sorted(c.next.groups); len(groups) > 0 {
		url := kemi.Database(c.param("permissions", "db_url", ""))
		var lists []string
		for _, g := range groups {
			source := "{}"
			if url != "" {
				source = "{ url = " + quoted(url) + ", query = \"SELECT ip_addr AS address, mask, port, tag FROM address WHERE grp = " + g + `" }`
			}
			lists = append(lists, "group"+g+" = "+source)
		}
		n := node{head: "acl.configure { lists = { " + strings.Join(lists, ", ") + " } }"}
		if url == "" {
			n.lead = c.decision("the addresses of these groups: a list, \"file:NAME.txt\", or the table address of a database")
		}
		out = append(out, n)
	}
	if c.next.modules["dispatch"] {
		out = append(out, c.gateways())
	}
	if !c.next.modules["rtpengine"] {
		return out
	}
	if list := kemi.Engines(c.config); len(list) > 0 {
		for i := range list {
			list[i] = quoted(list[i])
		}
		return append(out, node{head: "rtpengine.configure { engines = { " + strings.Join(list, ", ") + " } }"})
	}
	return append(out, node{head: `rtpengine.configure { engines = { "udp:127.0.0.1:2223" } }`, lead: c.decision("where rtpengine is")})
}

func (c *conv) gateways() node {
	source := kemi.Gateways(c.config)
	sets := sorted(c.next.sets)
	if list := kemi.Sets(source); len(list) > 0 {
		sets = list
	}
	var list []string
	for _, s := range sets {
		if source == "" {
			list = append(list, "["+quoted(s)+"] = {}")
		} else {
			list = append(list, "["+quoted(s)+"] = { url = "+quoted(source)+`, layout = "kamailio", setid = `+s+" }")
		}
	}
	probe := ""
	if n := c.param("dispatcher", "ds_ping_interval", "0"); source != "" {
		probe = ", probe = { interval = " + n + " }"
	}
	n := node{head: "dispatch.configure { sets = { " + strings.Join(list, ", ") + " }" + probe + " }"}
	if source == "" {
		n.lead = c.decision("the gateways of these sets: a list, or the list file or table of Kamailio with layout = \"kamailio\"")
	}
	return n
}

// stores opens dictionaries and databases.
func (c *conv) stores() (out []node) {
	for _, name := range sorted(c.next.tables) {
		options := ""
		if c.config != nil {
			if ttl := c.config.Tables()[name]["autoexpire"]; ttl != "" {
				options = ", { ttl = " + ttl + " }"
			}
		}
		out = append(out, node{head: "local " + c.tableName(name) + " = sip.shared(" + quoted(name) + options + ")"})
	}
	urls := kemi.Databases(c.config)
	for _, name := range sorted(c.next.databases) {
		url, known := urls[name].(string)
		n := node{head: "local " + databaseName(name) + " = sql.open(" + quoted(url) + ")"}
		if !known {
			n.head = "local " + databaseName(name) + " = sql.open()"
			n.lead = c.decision("where the database " + name + " is: --db URL, or a URL here")
		}
		out = append(out, n)
	}
	return out
}

// challenge is the idiom of a user's proof: if auth_check fails, a challenge.
func (f *fn) challenge(s *syntax.If) ([]node, bool) {
	if !asksFor(s.Condition, "auth_db.auth_check") || len(s.Else) > 0 || len(s.Then) == 0 {
		return nil, false
	}
	first, ok := s.Then[0].(*syntax.CallStmt)
	if !ok {
		return nil, false
	}
	if name, _ := ksrCall(first.Expr); name != "auth.auth_challenge" {
		return nil, false
	}
	r := s.Condition.(*syntax.Relational)
	if r.Operator != "<" && r.Operator != "<=" && r.Operator != "~=" {
		return nil, false
	}
	was := f.decided
	cond := not(f.condition(r.Lhs))
	f.notes = nil
	then := f.block(s.Then, s.Line(), syntax.Last(s), nil)
	f.decided = was
	return []node{{head: "if " + cond.text + " then", block: true, body: then, tail: "end"}}, true
}

// realm are the options with the realm of a call's first argument.
func (f *fn) realm(args []syntax.Expr) string {
	return "{ realm = " + asText(f.value(args[0])) + " }"
}

// authCheck is the user, if the proof is right and the claimed identity is theirs.
func authCheck(f *fn, args []syntax.Expr, _ int) expr {
	f.c.next.modules["auth"] = true
	x := status("auth.check(req, " + f.realm(args) + ")")
	x.pure = false
	return x
}

func challengeAlone(f *fn, args []syntax.Expr, _ int) []node {
	f.c.next.modules["auth"] = true
	text := "auth.challenge(req, " + f.realm(args) + ")"
	f.decided = decided
	return []node{{head: text, calls: text}}
}
