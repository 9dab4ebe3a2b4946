// Package convert makes a first translation of a script for Kamailio's KEMI into one for this
// server: [File]. It reads the syntax tree, keeps the user's comments and their functions, leaves
// out what the server does by itself, and marks with DECIDE what a human has to look at.
//
// It goes over the tree again and again until nothing new is known of it: what a function does, and
// whether anything is left of it, changes what its callers become.
package convert

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/sipscript/sipscript/modules/kemi"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
)

// maxPasses bounds how often the tree is gone over.
const maxPasses = 20

// File translates a script, or the one that a kamailio.cfg names, and returns the new one.
func File(path string) (string, error) {
	name, text, config, err := kemi.Script(path)
	if err != nil {
		return "", err
	}
	return Source(name, text, config)
}

// Source is File for a text and its configuration, nil for none.
func Source(name, text string, config *cfg.Config) (string, error) {
	if _, found := check.Uses(name, text); len(found) > 0 {
		return "", fmt.Errorf("%s", found[0])
	}
	file, err := syntax.Parse(name, text)
	if err != nil {
		return "", err
	}
	c := &conv{name: filepath.Base(name), file: file, config: config, rows: map[string]kemi.Row{}, defs: map[string]*definition{}, questions: questions(), effects: effects()}
	for _, r := range kemi.Rows() {
		c.rows[r.Name] = r
	}
	c.collect()
	c.facts = newFacts()
	c.settle()
	c.inline = c.short()
	return c.settle(), nil
}

// settle goes over the tree until nothing new is known of it.
func (c *conv) settle() (out string) {
	for range maxPasses {
		c.next = newFacts()
		out = c.pass()
		done := c.next.equal(c.facts)
		if c.facts = c.next; done {
			break
		}
	}
	return out
}

// maxInline is how many lines a function has at most that stands where it is called.
const maxInline = 4

// short are the functions that are called once and have little left: they stand where they are
// called.
func (c *conv) short() map[string]bool {
	list := map[string]bool{}
	for k, n := range c.facts.calls {
		d := c.defs[k.name]
		if n == 1 && k.at == inRequest && len(c.facts.places[k.name]) == 1 && !c.facts.sum[k].Valued && c.facts.sizes[k] <= maxInline && len(d.fun.ParList.Names) == 0 && d.guarded() != nil {
			list[k.name] = true
		}
	}
	return list
}

// guarded are a function's statements where no return but the last, and none but that of a
// question at its beginning, ends it alone; nil for others. What follows such a question becomes an
// if.
func (d *definition) guarded() []syntax.Stmt {
	list := d.fun.Stmts
	if len(list) == 0 {
		return nil
	}
	if r, ok := list[len(list)-1].(*syntax.Return); ok && plainReturn(r) {
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		return nil
	}
	if i, ok := list[0].(*syntax.If); ok && len(i.Else) == 0 && len(i.Then) == 1 && len(list) > 1 {
		if r, ok := i.Then[0].(*syntax.Return); ok && plainReturn(r) && !returns(list[1:]) {
			rest := &syntax.If{Condition: &syntax.Not{Expr: i.Condition}, Then: list[1:]}
			rest.SetLine(i.Line())
			rest.SetLastLine(d.to)
			return []syntax.Stmt{rest}
		}
	}
	if returns(list) {
		return nil
	}
	return list
}

// returns reports whether statements return.
func returns(list []syntax.Stmt) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *syntax.Return:
			return true
		case *syntax.If:
			if returns(s.Then) || returns(s.Else) {
				return true
			}
		case *syntax.Do, *syntax.While, *syntax.Repeat, *syntax.NumberFor, *syntax.GenericFor:
			return true // it may
		}
	}
	return false
}

// conv is one translation.
type conv struct {
	name   string
	file   *syntax.File
	config *cfg.Config
	rows   map[string]kemi.Row
	defs   map[string]*definition
	// What the functions of KSR become
	questions map[string]idiom
	effects   map[string]effect
	inline    map[string]bool // functions that stand where they are called
	facts     *facts          // of the pass before
	next      *facts          // of this one
}

// definition is a function of the script.
type definition struct {
	fun      *syntax.Function
	from, to int
	local    bool
	ksr      bool // it, or what it calls, uses KSR
	calls    []string
}

// facts are what a pass finds out.
type facts struct {
	sum       map[key]summary
	calls     map[key]int        // how often functions are called
	sizes     map[key]int        // how many lines are left of them
	places    map[string][]place // where functions run
	flags     map[string]bool    // that are tested
	reads     map[string]bool    // names that are read in what is left
	modules   map[string]bool
	tables    map[string]bool   // hash tables
	databases map[string]bool   // connections
	sets      map[string]bool   // of gateways
	groups    map[string]bool   // of addresses
	options   map[string]string // of relays, by their names
	order     []string
	hoisted   map[key]bool // where the destination is a variable of the function
	slots     map[string]bool
	media     map[place]bool
	mediaOpts string
	left      map[string]*omission
	decisions int
}

func newFacts() *facts {
	return &facts{sum: map[key]summary{}, calls: map[key]int{}, sizes: map[key]int{}, places: map[string][]place{}, flags: map[string]bool{}, reads: map[string]bool{}, modules: map[string]bool{}, tables: map[string]bool{},
		databases: map[string]bool{}, sets: map[string]bool{}, groups: map[string]bool{}, options: map[string]string{}, hoisted: map[key]bool{}, slots: map[string]bool{}, media: map[place]bool{}}
}

// equal compares what decides how another pass would go.
func (f *facts) equal(o *facts) bool {
	show := func(x *facts) string {
		return fmt.Sprint(x.sum, x.places, x.flags, x.reads, x.hoisted, x.slots, x.media, x.mediaOpts, x.options, x.modules)
	}
	return show(f) == show(o)
}

// note is what a pass found out about a function: what its callers did to it stays.
func (f *facts) note(k key, s summary) {
	old := f.sum[k]
	s.Targets, s.Along, s.Valued = old.Targets || s.Targets, old.Along || s.Along, old.Valued || s.Valued
	f.sum[k] = s
}

// runs notes that a function runs at a place.
func (f *facts) runs(name string, at place) {
	if !slices.Contains(f.places[name], at) {
		f.places[name] = append(f.places[name], at)
		slices.Sort(f.places[name])
	}
}

// entries are functions that the server calls by their names.
var entries = map[string]place{"ksr_request_route": inRequest, "ksr_reply_route": inReply}

// isEntry reports whether the server calls a function, so that its return ends all.
func (c *conv) isEntry(k key) bool {
	if at, ok := entries[k.name]; ok && at == k.at {
		return true
	}
	return c.facts.slots[fmt.Sprint(k.name, k.at)]
}

// pass goes over the tree once.
func (c *conv) pass() string {
	for name, at := range entries {
		if c.defs[name] != nil {
			c.next.runs(name, at)
		}
	}
	f := &fn{c: c, statuses: map[string]expr{}, armed: map[string]arm{}, params: map[string]bool{}}
	body := c.fileLevel(f)
	w := &writer{}
	for _, l := range c.preface() {
		w.line(0, l)
	}
	w.line(0, "")
	w.nodes(c.head(), 0)
	w.line(0, "")
	w.nodes(body, 0)
	text := strings.Join(w.lines, "\n") + "\n"
	c.next.read(w.lines)
	for strings.Contains(text, "\n\n\n") {
		text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
	}
	return text
}

var (
	nameIn   = regexp.MustCompile(`(?:req\.vars\.)?[A-Za-z_][A-Za-z0-9_]*`)
	assigned = regexp.MustCompile(`^\s*(?:if .* then )?(?:local )?((?:req\.vars\.)?[A-Za-z_][A-Za-z0-9_]*) = `)
	strands  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// read notes the names that lines read: all but those that they only assign.
func (f *facts) read(lines []string) {
	for _, l := range lines {
		if code := strings.TrimSpace(l); strings.HasPrefix(code, "--") {
			continue
		}
		l = strands.ReplaceAllString(l, `""`)
		if m := assigned.FindStringSubmatchIndex(l); m != nil {
			l = l[:m[2]] + l[m[3]:]
		}
		if strings.Contains(l, "= require \"") || strings.Contains(l, " = require ") {
			continue
		}
		for _, name := range nameIn.FindAllString(l, -1) {
			f.reads[name] = true
			if strings.HasPrefix(name, "req.vars.") {
				f.flags[name] = true
			}
		}
	}
}

// fileLevel translates the statements of the file: functions once for each place they run at.
func (c *conv) fileLevel(f *fn) (out []node) {
	last := 0
	for _, s := range c.file.Stmts {
		lead, blank, from := f.comments(last, s.Line()), f.blankBefore(last, s.Line()), len(f.notes)
		last = max(last, syntax.Last(s))
		var nodes []node
		if name := defined(s); name != "" && c.defs[name] != nil && c.defs[name].ksr {
			nodes = c.everywhere(name)
		} else {
			nodes = f.statement(s, nil)
			if len(nodes) > 0 && nodes[len(nodes)-1].trail == "" {
				nodes[len(nodes)-1].trail = f.trailing(s, last)
			}
		}
		if len(nodes) == 0 {
			continue
		}
		nodes[0].lead = append(append(lead, f.toldLines(from)...), nodes[0].lead...)
		nodes[0].blank = blank
		out = append(out, nodes...)
	}
	if lead := f.comments(last, c.file.Lines()+1); len(lead) > 0 {
		out = append(out, node{lead: lead, blank: true})
	}
	return out
}

// everywhere translates a function for each place it runs at.
func (c *conv) everywhere(name string) (out []node) {
	places := c.facts.places[name]
	for _, at := range places {
		nodes, ok := c.translate(key{name, at}, c.defs[name])
		if ok {
			nodes[0].blank = len(out) > 0
			out = append(out, nodes...)
		}
	}
	if len(places) == 0 && !c.inline[name] && c.next.left["function "+name] == nil {
		if why, ok := unreached[name]; ok {
			c.leave(name, c.defs[name].from, why)
		} else {
			c.leave("function "+name, c.defs[name].from, "nothing of what is left calls it")
		}
	}
	return out
}

// unreached are functions that Kamailio calls, for which there is another way here.
var unreached = map[string]string{
	"ksr_xhttp_event":     "http.handle(\"GET /path\", function(hreq) … end), with --http HOST:PORT",
	"ksr_onsend_route":    "on_branch and on_response of req:relay see what is sent",
	"ksr_dialog_event":    "sip.on(\"dialog.answered\", fn), sip.on(\"dialog.ended\", fn)",
	"ksr_htable_event":    "sip.shared has no such event: sip.every looks from time to time",
	"ksr_websocket_event": "WebSockets are served by themselves: -l ws:HOST:PORT",
}

// collect finds the functions, and which of them use KSR.
func (c *conv) collect() {
	for _, s := range c.file.Stmts {
		name := defined(s)
		if name == "" {
			continue
		}
		d := &definition{from: s.Line(), to: syntax.Last(s)}
		switch s := s.(type) {
		case *syntax.FuncDef:
			d.fun = s.Func
		case *syntax.Local:
			d.fun, d.local = s.Exprs[0].(*syntax.Function), true
		case *syntax.Assign:
			d.fun = s.Rhs[0].(*syntax.Function)
		}
		d.ksr, d.calls = usesKSR(d.fun.Stmts)
		c.defs[name] = d
	}
	for changed := true; changed; {
		changed = false
		for _, d := range c.defs {
			for _, name := range d.calls {
				if o := c.defs[name]; o != nil && o.ksr && !d.ksr {
					d.ksr, changed = true, true
				}
			}
		}
	}
}

// defined is the name of the function that a statement of the file defines, "" for another one.
func defined(s syntax.Stmt) string {
	switch s := s.(type) {
	case *syntax.FuncDef:
		if id, ok := s.Name.Func.(*syntax.Ident); ok {
			return id.Value
		}
	case *syntax.Local:
		if len(s.Names) == 1 && len(s.Exprs) == 1 {
			if _, ok := s.Exprs[0].(*syntax.Function); ok {
				return s.Names[0]
			}
		}
	case *syntax.Assign:
		if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
			id, ok := s.Lhs[0].(*syntax.Ident)
			if _, fun := s.Rhs[0].(*syntax.Function); ok && fun {
				return id.Value
			}
		}
	}
	return ""
}

// codeLines is how many lines have code.
func codeLines(lines []string) (n int) {
	for _, l := range lines {
		if code := strings.TrimSpace(l); code != "" && !strings.HasPrefix(code, "--") {
			n++
		}
	}
	return n
}

// unused reports whether a name of the file was read only in what was left out: a flag's number.
func (c *conv) unused(name string) bool { return !c.facts.reads[name] && len(c.facts.sum) > 0 }

// available reports whether KSR has a module, as `if not KSR.auth then` asks.
func (c *conv) available(module string) bool {
	return kemi.Loaded(c.config, module) && module != "rtpproxy"
}
