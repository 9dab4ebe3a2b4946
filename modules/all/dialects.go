package all

import (
	"fmt"

	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/kemi"
	"github.com/sipscript/sipscript/modules/kemi/convert"
)

// Dialect is a kind of script that was written for another server.
type Dialect struct {
	Name  string // of the flag of `sipscript run` and `check`
	Usage string // of the flag of run; `FILE` in it is the script
	// Through is a script of this server that loads one of the dialect, by its name within its
	// directory.
	Through func(file string) string
	// Check looks for what a script uses and is not there.
	Check func(path string) ([]check.Finding, error)
	// Files says what FILE may be.
	Files string
	// Convert makes a first translation of a script into one of this server.
	Convert func(path string) (string, error)
}

// Dialects are those that run here.
func Dialects() []Dialect {
	return []Dialect{{
		Name: "kemi", Usage: "serve as `FILE` directs, a script for Kamailio's KEMI, or a kamailio.cfg that names one beside it",
		Through: func(file string) string { return fmt.Sprintf("require('kemi').load(%q)", file) },
		Check:   kemi.Check,
		Files:   "a script for Kamailio's KEMI, or a kamailio.cfg that names one beside it",
		Convert: convert.File,
	}}
}
