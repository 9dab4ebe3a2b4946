// Package pv reads the pseudo-variables of Kamailio's scripts: "$ru", "$(hdr(Via)[-1])",
// "$(var(x){s.len})", "$xavp(a=>b)". It knows their form, and carries out their transformations.
// What a variable's value is, its user knows.
package pv

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is read: a name may come from a database or a message.
const (
	maxText  = 4096 // bytes of a variable
	maxDepth = 8    // variables within variables
	maxSteps = 16   // transformations of one
)

// Var is a variable as it was written.
type Var struct {
	Name string // "ru", "hdr", "T_rpl"
	// Arg is what is in the parentheses after the name; of names that have a key, what is before
	// "=>".
	Arg    string
	HasArg bool // whether there are parentheses
	// Key is what follows "=>" in the parentheses, which may have variables in it.
	Key    Text
	HasKey bool   // whether there is a key
	Inner  *Var   // of T_req and T_rpl: what is read of the other message
	Index  int    // in brackets, -1 for the last
	Has    Which  // what the brackets say
	At     int    // the index of the list before "=>": $xavp(a[1]=>b)
	HasAt  bool   // whether there is one
	Steps  []Step // the transformations, in order
}

// Which of several values is meant.
type Which uint8

// Newest is without brackets, At with a number in them, All with "*".
const (
	Newest Which = iota
	At
	All
)

// Text is literals and variables, one after another.
type Text []Piece

// Piece is a literal, or a variable if Var is not nil.
type Piece struct {
	Literal string // if it is no variable
	Var     *Var   // nil for a literal
}

// Parse reads a text that is one variable.
func Parse(text string) (*Var, error) {
	if len(text) > maxText {
		return nil, errors.New("it is too long")
	}
	p := &parser{text: text}
	v, err := p.variable(0)
	if err == nil && p.at < len(text) {
		err = fmt.Errorf("%.20q follows it: a variable with an index or a transformation is written $(…)", text[p.at:])
	}
	return v, err
}

// ParseText reads a text with variables in it; "$$" is "$".
func ParseText(text string) (Text, error) {
	if len(text) > maxText {
		return nil, errors.New("it is too long")
	}
	return (&parser{text: text}).pieces(0)
}

type parser struct {
	text string
	at   int
}

func (p *parser) pieces(depth int) (out Text, err error) {
	for p.at < len(p.text) {
		i := strings.IndexByte(p.text[p.at:], '$')
		if i != 0 {
			if i < 0 {
				i = len(p.text) - p.at
			}
			out = append(out, Piece{Literal: p.text[p.at : p.at+i]})
			p.at += i
			continue
		}
		if strings.HasPrefix(p.text[p.at:], "$$") {
			out = append(out, Piece{Literal: "$"})
			p.at += 2
			continue
		}
		v, err := p.variable(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, Piece{Var: v})
	}
	return out, nil
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// variable reads "$name", "$name(arg)" or "$(name…[index]{transformation}…)".
func (p *parser) variable(depth int) (*Var, error) {
	if depth > maxDepth {
		return nil, errors.New("there are too many variables within variables")
	}
	if p.peek() != '$' {
		return nil, errors.New("a variable begins with $")
	}
	p.at++
	if p.peek() != '(' {
		return p.named(depth)
	}
	p.at++
	v, err := p.named(depth)
	if err != nil {
		return nil, err
	}
	if p.peek() == '[' {
		if err := p.index(v); err != nil {
			return nil, err
		}
	}
	for p.peek() == '{' {
		end := closing(p.text[p.at:], '{', '}')
		if end < 0 {
			return nil, errors.New("} is missing")
		}
		if len(v.Steps) == maxSteps {
			return nil, errors.New("it has too many transformations")
		}
		s, err := parseStep(p.text[p.at+1:p.at+end], depth)
		if err != nil {
			return nil, err
		}
		v.Steps = append(v.Steps, s)
		p.at += end + 1
	}
	if p.peek() != ')' {
		return nil, errors.New(") is missing")
	}
	p.at++
	return v, nil
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// named reads a name and what is in the parentheses after it.
func (p *parser) named(depth int) (*Var, error) {
	from := p.at
	for nameByte(p.peek()) {
		p.at++
	}
	v := &Var{Name: p.text[from:p.at]}
	shape, known := shapes[v.Name]
	if !known {
		return nil, fmt.Errorf("there is no variable $%.40s here", v.Name)
	}
	if p.peek() != '(' || shape == plain {
		if shape != plain {
			return nil, fmt.Errorf("$%s needs (…)", v.Name)
		}
		return v, nil
	}
	end := closing(p.text[p.at:], '(', ')')
	if end < 0 {
		return nil, errors.New(") is missing")
	}
	v.Arg, v.HasArg = p.text[p.at+1:p.at+end], true
	p.at += end + 1
	return v, v.inside(shape, depth)
}

// inside reads what is in the parentheses.
func (v *Var) inside(s shape, depth int) (err error) {
	if v.Arg == "" {
		return fmt.Errorf("$%s() names nothing", v.Name)
	}
	switch s {
	case other:
		v.Inner, err = (&parser{text: v.Arg}).variable(depth + 1)
		return err
	case keyed, needsKey:
		name, key, found := strings.Cut(v.Arg, "=>")
		if !found {
			if s == needsKey {
				return fmt.Errorf("$%s needs (NAME=>KEY)", v.Name)
			}
			v.Arg, err = v.listIndex(v.Arg)
			return err
		}
		if key == "" {
			return fmt.Errorf("$%s(%.40s) names no key", v.Name, v.Arg)
		}
		if v.Arg, err = v.listIndex(name); err != nil {
			return err
		}
		v.HasKey = true
		v.Key, err = (&parser{text: key}).pieces(depth + 1)
	case listed:
		v.Arg = strings.TrimPrefix(v.Arg, "s:")
	case ofCall:
		if !slices.Contains(dialogNames, v.Arg) {
			return fmt.Errorf("there is no $dlg(%.40s) here", v.Arg)
		}
	}
	return err
}

// listIndex takes the index off the name of a list.
func (v *Var) listIndex(name string) (string, error) {
	bare, rest, found := strings.Cut(name, "[")
	if !found {
		return name, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if err != nil || !strings.HasSuffix(rest, "]") {
		return "", fmt.Errorf("%.40q is not an index", rest)
	}
	v.At, v.HasAt = n, true
	return bare, nil
}

func (p *parser) index(v *Var) error {
	end := strings.IndexByte(p.text[p.at:], ']')
	if end < 0 {
		return errors.New("] is missing")
	}
	inside := p.text[p.at+1 : p.at+end]
	p.at += end + 1
	if inside == "*" {
		v.Has = All
		return nil
	}
	n, err := strconv.Atoi(inside)
	if err != nil {
		return fmt.Errorf("%.40q is not an index", inside)
	}
	v.Index, v.Has = n, At
	return nil
}

// closing is where the bracket at the beginning of text is closed, or -1.
func closing(text string, open, shut byte) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
