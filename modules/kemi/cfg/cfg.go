// Package cfg reads of a kamailio.cfg what a KEMI script depends on: modules, their parameters,
// defines, listeners and aliases. It does not read routing blocks: with cfgengine there are none.
package cfg

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of what is read.
const (
	maxDepth  = 8       // files within files
	maxBytes  = 4 << 20 // of all files
	maxParams = 10000
)

// Config is what was read.
type Config struct {
	File    string            // its name
	Engine  string            // of cfgengine: "lua"
	Script  string            // of modparam("app_lua", "load", …); the last if there are several
	Modules []string          // that are loaded, without ".so"
	Params  []Param           // each modparam, in order
	Defines map[string]string // what #!define says
	Listen  []string          // "udp:127.0.0.1:5060"
	Aliases []string          // names of the server
	Globals []Setting         // the other settings, in order
}

// Param is one modparam.
type Param struct {
	Module, Name, Value string // of the parameter; Module may name several, with | between them
	File                string // where it stands
	Line                int    // from 1
}

// Setting is one global parameter: "children=2".
type Setting struct {
	Name, Value string // as they stand
	File        string // where
	Line        int    // from 1
}

// Loads reports whether a module is loaded.
func (c *Config) Loads(module string) bool {
	for _, m := range c.Modules {
		if m == module {
			return true
		}
	}
	return false
}

// Param is the value of a module's parameter, the last that was set, or def.
func (c *Config) Param(module, name, def string) string {
	for i := len(c.Params) - 1; i >= 0; i-- {
		p := c.Params[i]
		if p.Name == name && hasPart(p.Module, module) {
			return p.Value
		}
	}
	return def
}

func hasPart(list, part string) bool {
	for p := range strings.SplitSeq(list, "|") {
		if p == part {
			return true
		}
	}
	return false
}

// Tables are the hash tables, with their parameters.
func (c *Config) Tables() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, p := range c.Params {
		if p.Name != "htable" || !hasPart(p.Module, "htable") {
			continue
		}
		name, rest, _ := strings.Cut(p.Value, "=>")
		params := map[string]string{}
		for part := range strings.SplitSeq(rest, ";") {
			if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
				params[k] = v
			}
		}
		out[strings.TrimSpace(name)] = params
	}
	return out
}

// Parse reads a file; read returns the text of one, by its name.
func Parse(name string, read func(name string) ([]byte, error)) (*Config, error) {
	c := &Config{File: name, Defines: map[string]string{}}
	p := &parser{config: c, read: read}
	return c, p.file(name, 0, true)
}

type parser struct {
	config *Config
	read   func(string) ([]byte, error)
	total  int
}

// file reads one file. A file that must be there is an error if it is not.
func (p *parser) file(name string, depth int, must bool) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: too many files within files", name)
	}
	text, err := p.read(name)
	if err != nil {
		if must {
			return fmt.Errorf("%s cannot be read: %w", name, err)
		}
		return nil
	}
	if p.total += len(text); p.total > maxBytes {
		return errors.New("the configuration is too long")
	}
	lines, err := split(string(text))
	if err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	var open []bool // of #!ifdef: whether what follows is read
	for _, l := range lines {
		if word, rest, is := directive(l.text); is {
			if open, err = p.condition(open, word, rest); err != nil {
				return fmt.Errorf("%s:%d: %w", name, l.number, err)
			}
			if !all(open) || word == "ifdef" || word == "ifndef" || word == "else" || word == "endif" {
				continue
			}
		}
		if all(open) {
			if err := p.line(name, l, depth); err != nil {
				return err
			}
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%s: #!endif is missing", name)
	}
	return nil
}

func all(open []bool) bool {
	for _, o := range open {
		if !o {
			return false
		}
	}
	return true
}

// directive is the word and the rest of "#!define X".
func directive(line string) (word, rest string, is bool) {
	if !strings.HasPrefix(line, "#!") && !strings.HasPrefix(line, "!!") {
		return "", "", false
	}
	word, rest, _ = strings.Cut(strings.TrimSpace(line[2:]), " ")
	return strings.ToLower(word), strings.TrimSpace(rest), true
}

func (p *parser) condition(open []bool, word, rest string) ([]bool, error) {
	_, defined := p.config.Defines[strings.TrimSpace(rest)]
	switch word {
	case "ifdef":
		return append(open, defined), nil
	case "ifndef":
		return append(open, !defined), nil
	case "else", "endif":
		if len(open) == 0 {
			return nil, fmt.Errorf("#!%s without #!ifdef", word)
		}
		if word == "endif" {
			return open[:len(open)-1], nil
		}
		open[len(open)-1] = !open[len(open)-1]
	}
	return open, nil
}

// line reads a directive, or a statement.
func (p *parser) line(name string, l line, depth int) error {
	c := p.config
	if word, rest, is := directive(l.text); is {
		switch word {
		case "define", "trydef", "redefine":
			key, value, _ := strings.Cut(rest, " ")
			if _, there := c.Defines[key]; !there || word == "redefine" {
				c.Defines[key] = unquote(strings.TrimSpace(value))
			}
		}
		return nil
	}
	for _, word := range []string{"include_file", "import_file"} {
		if rest, ok := strings.CutPrefix(l.text, word); ok {
			return p.file(unquote(strings.TrimSpace(rest)), depth+1, word == "include_file")
		}
	}
	switch rest := l.text; {
	case strings.HasPrefix(rest, "loadmodule"):
		m := unquote(strings.TrimSpace(strings.TrimPrefix(rest, "loadmodule")))
		m = m[strings.LastIndexByte(m, '/')+1:]
		c.Modules = append(c.Modules, strings.TrimSuffix(m, ".so"))
	case strings.HasPrefix(rest, "modparam"):
		return p.modparam(name, l)
	case strings.HasPrefix(rest, "cfgengine"):
		c.Engine = unquote(strings.TrimSpace(strings.TrimPrefix(rest, "cfgengine")))
	default:
		p.setting(name, l)
	}
	return nil
}

// modparam reads modparam("module", "name", value), whose value may be several texts.
func (p *parser) modparam(name string, l line) error {
	inside := strings.TrimSpace(strings.TrimPrefix(l.text, "modparam"))
	inside = strings.TrimSuffix(strings.TrimPrefix(inside, "("), ")")
	args := arguments(inside)
	if len(args) != 3 {
		return fmt.Errorf("%s:%d: modparam needs (module, name, value)", name, l.number)
	}
	if len(p.config.Params) >= maxParams {
		return fmt.Errorf("%s:%d: too many parameters", name, l.number)
	}
	value := p.resolve(args[2])
	p.config.Params = append(p.config.Params, Param{unquote(args[0]), unquote(args[1]), value, name, l.number})
	if unquote(args[0]) == "app_lua" && unquote(args[1]) == "load" {
		p.config.Script = value
	}
	return nil
}

// resolve is a value: a text, several, or a name that was defined.
func (p *parser) resolve(text string) string {
	if v, ok := p.config.Defines[text]; ok {
		return v
	}
	return unquote(text)
}

// setting reads name=value.
func (p *parser) setting(file string, l line) {
	name, value, ok := strings.Cut(l.text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, " \t(){}[]\"") {
		return
	}
	value = p.resolve(strings.TrimSpace(value))
	switch name {
	case "listen":
		value, _, _ = strings.Cut(value, " ")
		p.config.Listen = append(p.config.Listen, unquote(value))
	case "alias":
		p.config.Aliases = append(p.config.Aliases, value)
	}
	if len(p.config.Globals) < maxParams {
		p.config.Globals = append(p.config.Globals, Setting{name, value, file, l.number})
	}
}
