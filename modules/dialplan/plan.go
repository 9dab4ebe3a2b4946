// Package dialplan rewrites numbers: by rules that a script, a file or a database has, and to E.164
// by a country's habits.
//
// Go programs use it without Lua:
//
//	plan, err := dialplan.New([]dialplan.Rule{{Match: `^00(.*)`, Replace: "+%1"}, {Prefix: "0", Strip: 1, Add: "+49"}})
//	result, ok, err := plan.Translate("030123456", nil)
package dialplan

// A plan: what is tried, in which order.

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/sipscript/sipscript/modules/internal/breathe"
	"github.com/sipscript/sipscript/modules/internal/prefix"
)

const (
	// mostText bounds what is translated, in bytes.
	mostText = 256
	// mostPatterns bounds the rules of a plan that have a regular expression: they are tried one
	// after the other.
	mostPatterns = 4000
	// mostPattern bounds a regular expression, in bytes, and mostSteps the sum of what those of a
	// plan are compiled to: what a text costs at most is that times its length.
	mostPattern = 512
	mostSteps   = 200_000
	// mostPriorities bounds the different priorities of a plan: prefixes of each have a table.
	mostPriorities = 1000
)

// Rule is one rule of a plan: with Match a regular expression, otherwise a prefix.
type Rule struct {
	Match string `lua:"match" doc:"a regular expression (RE2); its captures are %1 to %9 in replace"`
	// Replace is text, or a Function; nil leaves what Match found.
	Replace  any            `lua:"replace" doc:"text in the place of what matched, or function(text, captures...)"`
	Prefix   string         `lua:"prefix" doc:"the beginning of the text: digits, *, # and +; the longest one of a plan counts"`
	Strip    int            `lua:"strip" min:"0" max:"64" doc:"how many characters to take away from the front"`
	Add      string         `lua:"add" doc:"what to put in front, after strip"`
	Attrs    map[string]any `lua:"attrs" doc:"returned with the result"`
	Priority int            `lua:"priority" min:"-1000000" max:"1000000" doc:"lower is tried first"`
}

// Function stands for a function in the place of Replace: a number by which Translate's caller
// knows it.
type Function int

// Check finds what contradicts itself.
func (r *Rule) Check() error {
	switch {
	case r.Match != "" && r.Prefix != "":
		return errors.New("a rule has match or prefix, not both")
	case r.Match != "" && (r.Strip != 0 || r.Add != ""):
		return errors.New("strip and add belong to a prefix; a rule with match has replace")
	case r.Match == "" && r.Replace != nil:
		return errors.New("replace belongs to match; a prefix has strip and add")
	}
	switch r.Replace.(type) {
	case nil, string, Function:
		return nil
	}
	return errors.New("replace must be text or a function")
}

// Result is what a text was translated to.
type Result struct {
	Text  string         // the text as the rule leaves it
	Attrs map[string]any // the rule's; not to be changed
}

// Caller calls a Function with a text and its captures; ok is false if the rule shall not apply.
type Caller func(f Function, text string, captures []string) (result string, ok bool, err error)

// Plan is a set of rules. It is never changed, and safe for concurrent use.
type Plan struct {
	groups []*group // by order
	rules  int
}

// order says when a group is tried.
type order struct {
	exact    bool // rules for one length, as Kamailio has them, go first
	priority int
}

// group are the rules of one priority: equal texts, then regular expressions, then the longest
// prefix.
type group struct {
	order    order
	equal    map[string]*pattern
	patterns []*pattern
	table    *prefix.Table
	actions  breathe.List[action] // in the order of the table's entries
	adds     []string
	attrs    map[int32]map[string]any // of actions that have some
}

// pattern is a rule that is not a prefix.
type pattern struct {
	match   *regexp.Regexp
	length  int            // of the text; 0: any
	subst   *regexp.Regexp // whose captures replace has; nil: match
	replace *template      // nil: the text stays
	call    *Function
	whole   bool // replace is all of the result, not only of what matched
	attrs   map[string]any
}

// action is what a prefix does.
type action struct {
	add   uint32 // of group.adds
	strip uint32
}

// New makes a plan.
func New(rules []Rule) (*Plan, error) {
	b := newBuilder()
	for i := range rules {
		err := rules[i].Check()
		if err == nil {
			err = b.add(&rules[i])
		}
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return b.plan()
}

// Len is how many rules there are.
func (p *Plan) Len() int { return p.rules }

// Translate applies the first rule that fits; ok: there was one. call, which may be nil if no rule
// has a Function, calls those. An error is call's.
func (p *Plan) Translate(text string, call Caller) (r Result, ok bool, err error) {
	if len(text) > mostText {
		return r, false, nil
	}
	for _, g := range p.groups {
		if x := g.equal[text]; x != nil {
			if r, ok, err = x.apply(text, call); ok || err != nil {
				return r, ok, err
			}
		}
		for _, x := range g.patterns {
			if r, ok, err = x.apply(text, call); ok || err != nil {
				return r, ok, err
			}
		}
		if r, ok = g.prefixed(text); ok {
			return r, true, nil
		}
	}
	return r, false, nil
}

// prefixed applies the longest prefix.
func (g *group) prefixed(text string) (r Result, ok bool) {
	if g.table == nil {
		return r, false
	}
	i := g.table.Find(prefix.Of(text))
	if i < 0 {
		return r, false
	}
	at, _ := g.table.Entries(i) // the first in the list, if it is there several times
	a := g.actions.At(at)
	r.Text = text[min(int(a.strip), len(text)):]
	if a.add != 0 {
		r.Text = g.adds[a.add] + r.Text
	}
	return Result{r.Text, g.attrs[int32(at)]}, true
}

func (x *pattern) apply(text string, call Caller) (r Result, ok bool, err error) {
	if x.length != 0 && x.length != len(text) {
		return r, false, nil
	}
	at := []int{0, len(text)}
	if x.match != nil {
		if at = x.match.FindStringSubmatchIndex(text); at == nil {
			return r, false, nil
		}
	}
	if x.subst != nil {
		if at = x.subst.FindStringSubmatchIndex(text); at == nil {
			return r, false, nil
		}
	}
	r = Result{Text: text, Attrs: x.attrs}
	switch {
	case x.call != nil:
		if call == nil {
			return r, false, errors.New("dialplan: the plan has functions, and nobody calls them")
		}
		r.Text, ok, err = call(*x.call, text, captures(text, at))
		return r, ok, err
	case x.replace != nil:
		out := make([]byte, 0, len(text)+16)
		if !x.whole {
			out = append(out, text[:at[0]]...)
		}
		out = x.replace.expand(out, text, at)
		if !x.whole {
			out = append(out, text[at[1]:]...)
		}
		r.Text = string(out)
	}
	return r, true, nil
}

// captures are the texts of the captures; "" for one that took no part.
func captures(text string, at []int) []string {
	var list []string
	for i := 2; i+1 < len(at); i += 2 {
		if at[i] < 0 {
			list = append(list, "")
		} else {
			list = append(list, text[at[i]:at[i+1]])
		}
	}
	return list
}

// sortedGroups are groups in the order in which they are tried.
func sortedGroups(all map[order]*groupBuilder) []*groupBuilder {
	return slices.SortedFunc(maps.Values(all), func(a, b *groupBuilder) int {
		if a.g.order.exact != b.g.order.exact {
			return map[bool]int{true: -1, false: 1}[a.g.order.exact]
		}
		return cmp.Compare(a.g.order.priority, b.g.order.priority)
	})
}
