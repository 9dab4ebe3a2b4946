package host

// Commands of modules.

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Command is a command of the command line: `sipscript NAME`, or, of another's Sub, one below it.
type Command struct {
	Name        string // one word, in lower case
	Usage       string // one line
	Description string // more of it, may be ""
	Args        string // the name of its arguments in help, "NAME"; "" for none
	Flags       []Flag // beside those that each command has
	// Remote: it asks a running server. It has --admin and --timeout, and its Invocation has Ask.
	Remote bool
	Sub    []Command
	// Run runs the command. nil: the command consists only of those in Sub.
	Run func(c *Invocation) error
}

// Invocation is one run of a command.
type Invocation struct {
	Context context.Context // ends when the process is to stop
	Command string          // "user add"
	Args    []string        // what is left when flags have been read
	// The values of the command's Flags, defaults included
	Flags  Values
	Lookup func(name string) (value string, ok bool) // of variables of the environment
	Stdin  io.Reader                                 // of the process; a test gives its own
	Stdout io.Writer                                 // for what was asked for
	Stderr io.Writer                                 // for what went wrong, and questions
	// Ask sends a request to the server's admin API, for a Remote command: path is "/api/v1/…". The
	// error of an answer that is not a 2xx is the server's "error".
	Ask func(method, path string, body io.Reader) ([]byte, error)
	// Again waits until Show asks once more for --watch; false: it does not. nil: a second, until
	// Context ends.
	Again func(ctx context.Context) bool
}

// Get asks for a path of the admin API.
func (c *Invocation) Get(path string) ([]byte, error) { return c.Ask(http.MethodGet, path, nil) }

// UsageError is a mistake on the command line. The process ends with 2.
type UsageError struct {
	Text string // what is wrong, without the name of the program
}

func (e *UsageError) Error() string { return e.Text }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }
