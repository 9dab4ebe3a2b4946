package main

// Errors about flag values. The packages below say "parse error"; here the error says what is
// expected.

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind"
)

var (
	unknownFlag = regexp.MustCompile(`^flag provided but not defined: -+(.*)$`)
	badValue    = regexp.MustCompile(`^invalid (?:boolean )?value "((?s).*)" for (?:flag )?-+([\w-]+): `)
	noValue     = regexp.MustCompile(`^flag needs an argument: -+(.*)$`)
)

// flagMistake rewords an error of the flag package.
func flagMistake(flags []cli.Flag, err error) string {
	text := err.Error()
	if m := badValue.FindStringSubmatch(text); m != nil {
		if want := expected(flags, m[2]); want != "" {
			return fmt.Sprintf("--%s %s: %s", m[2], m[1], want)
		}
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		return strings.TrimRight("there is no flag "+dashed(m[1])+"; "+meant(m[1], flagNames(flags), "--"), "; ")
	}
	if m := noValue.FindStringSubmatch(text); m != nil {
		return dashed(m[1]) + " needs a value"
	}
	return text
}

// expected says what a flag accepts, or "" for one that accepts any text.
func expected(flags []cli.Flag, name string) string {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n != name {
				continue
			}
			switch f.(type) {
			case *cli.IntFlag, *cli.Uint64Flag:
				return "expected a whole number"
			case *cli.DurationFlag:
				return "expected a time with its unit, such as 200ms, 32s or 5m"
			case *cli.BoolFlag:
				return "expected true or false"
			}
		}
	}
	return ""
}

// meant is "did you mean X? " if a known name is close to what was written, otherwise "".
func meant(name string, known []string, prefix string) string {
	name, _, _ = strings.Cut(name, "=")
	best := luabind.Closest(name, known)
	if best == "" {
		return ""
	}
	return "did you mean " + prefix + best + "? "
}

func commandNames(list []*cli.Command) (names []string) {
	for _, c := range list {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}

// dashed is a flag's name as it is written.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
