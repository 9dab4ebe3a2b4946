package dialplan

// Making a plan of rules, one after the other.

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/modules/internal/breathe"
	"github.com/sipscript/sipscript/modules/internal/prefix"
)

type builder struct {
	groups map[order]*groupBuilder
	adds   map[string]uint32 // interned: many rules add the same
	texts  []string
	rules  int
	counts struct{ patterns, steps int }
}

// groupBuilder is a group whose prefixes are not sorted yet.
type groupBuilder struct {
	g       *group
	keys    breathe.List[prefix.Key]
	actions breathe.List[action]
	attrs   map[int32]map[string]any
}

func newBuilder() *builder {
	return &builder{groups: map[order]*groupBuilder{}, adds: map[string]uint32{"": 0}, texts: []string{""}}
}

func (b *builder) group(o order) (*groupBuilder, error) {
	g := b.groups[o]
	if g == nil {
		if len(b.groups) == mostPriorities {
			return nil, fmt.Errorf("a plan has at most %d different priorities", mostPriorities)
		}
		g = &groupBuilder{g: &group{order: o}}
		b.groups[o] = g
	}
	return g, nil
}

// add takes in a rule that was checked.
func (b *builder) add(r *Rule) error {
	g, err := b.group(order{priority: r.Priority})
	if err != nil {
		return err
	}
	b.rules++
	if r.Match != "" {
		x, err := b.pattern(r)
		g.g.patterns = append(g.g.patterns, x)
		return err
	}
	k, err := prefix.Parse(r.Prefix)
	if err != nil {
		return fmt.Errorf("prefix: %w; match is for others", err)
	}
	add, ok := b.adds[r.Add]
	if !ok {
		add = uint32(len(b.texts))
		text := strings.Clone(r.Add) // not a part of the line it was read from
		b.adds[text] = add
		b.texts = append(b.texts, text)
	}
	if r.Attrs != nil {
		if g.attrs == nil {
			g.attrs = map[int32]map[string]any{}
		}
		g.attrs[int32(g.keys.Len())] = r.Attrs
	}
	g.keys.Append(k)
	g.actions.Append(action{add: add, strip: uint32(r.Strip)})
	return nil
}

func (b *builder) pattern(r *Rule) (*pattern, error) {
	x := &pattern{attrs: r.Attrs}
	var err error
	if x.match, err = b.compile(strings.Clone(r.Match)); err != nil { // which it keeps
		return nil, err
	}
	switch to := r.Replace.(type) {
	case string:
		x.replace, err = parseTemplate(to, '%', x.match.NumSubexp())
	case Function:
		x.call = &to
	}
	return x, err
}

// plan is the plan of the rules so far.
func (b *builder) plan() (*Plan, error) {
	p := &Plan{rules: b.rules}
	for _, x := range sortedGroups(b.groups) {
		if x.keys.Len() > 0 {
			x.sort(b.texts)
		}
		p.groups = append(p.groups, x.g)
	}
	return p, nil
}

// sort puts the actions in the order of the table's entries.
func (x *groupBuilder) sort(texts []string) {
	table, at := prefix.Build(&x.keys)
	var actions breathe.List[action]
	var attrs map[int32]map[string]any
	for to, from := range at {
		actions.Append(*x.actions.At(int(from)))
		prefix.Breathe(to)
		if a := x.attrs[from]; a != nil {
			if attrs == nil {
				attrs = map[int32]map[string]any{}
			}
			attrs[int32(to)] = a
		}
	}
	x.g.table, x.g.actions, x.g.adds, x.g.attrs = table, actions, texts, attrs
}
