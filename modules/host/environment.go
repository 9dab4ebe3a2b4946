package host

// What a module receives.

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
)

// Environment is what modules share of the process. The zero value is that of a process that
// touches nothing: no directory, no server, no flag.
//
// Keys and the clock come from the engine (engine.Engine.Key, Clock), from Attach on: a key is
// derived from --secret, and in a simulation time is virtual.
type Environment struct {
	Log   *slog.Logger // Open makes nil a logger that drops all
	Data  string       // the directory of --data, which exists; "" to keep state in memory
	Redis URL          // of --redis, "" for none
	DB    URL          // of --db, "" for none
	// Dictionaries is the server that keeps those of sip.shared which servers have in common: that
	// of --redis, or one of a spec; "" for none.
	Dictionaries URL
	// Clients are the databases and servers that modules share; nil: each module has its own.
	Clients *clients.Pool
	// Now is the time of day of a simulation, for stores that are read before the engine is there;
	// nil: time.Now.
	Now func() time.Time
	// Common is something that the servers of one simulation have in common: what first was, which
	// is called once for each name; nil outside of simulations.
	Common func(name string, first func() any) any
	Flags  Values // of the module's own flags, and of others'
	// Listeners are those of the protocols that plugins declare, in the order they were given.
	Listeners []Listener
	// Quiet: modules send nothing by themselves, such as probes and keep-alives: in a spec that did
	// not ask for it.
	Quiet bool
	// Exchange has the rtpengine at a URI carry out a command, in a spec; nil: it is really asked.
	Exchange func(uri string, command map[string]any) (answer map[string]any, err error)
	// Record takes each record of a call (JSON), in a spec; nil: the destinations get it.
	Record func(text []byte)
	// Vouch reports whether the credentials of a request were right, in a replay, where their
	// secrets are asterisks; nil: they are checked.
	Vouch func(callID []byte, cseq uint32) bool
	// Made is a module that was made before, by its name; nil if there is none. Modules that work
	// together find each other so, by an interface of the one that asks. Open makes nil find them.
	Made func(name string) luabind.Opener
	// Bulk runs f, which allocates much that stays and little that does not, such as a load of
	// bindings. The command keeps the garbage collector from marking all of it again and again.
	// Open makes nil call f.
	Bulk func(f func())
	// Services are what the modules offer each other. Open makes nil an empty one.
	Services *Services
}

// Simulated reports whether the process is one of a spec.
func (e *Environment) Simulated() bool { return e.Now != nil }

// URL names a server. It may have a password in it.
type URL string

// String is the URL without its password, for logs and errors.
func (u URL) String() string {
	parsed, err := url.Parse(string(u))
	if err != nil { // whose text quotes it
		return "(a URL that can't be read)"
	}
	return parsed.Redacted()
}

// Values are the values of flags. A flag that no plugin declared has no value: its zero value is
// read.
type Values struct{ of map[string]any }

// NewValues takes string, []string, bool, int and time.Duration values by the flags' names.
func NewValues(of map[string]any) Values { return Values{of} }

// Text is a Text flag's value.
func (v Values) Text(name string) string { return value[string](v, name) }

// List is a List flag's values.
func (v Values) List(name string) []string { return value[[]string](v, name) }

// Bool is a Bool flag's value.
func (v Values) Bool(name string) bool { return value[bool](v, name) }

// Int is an Int flag's value.
func (v Values) Int(name string) int { return value[int](v, name) }

// Duration is a Duration flag's value.
func (v Values) Duration(name string) time.Duration { return value[time.Duration](v, name) }

func value[T any](v Values, name string) T {
	x, _ := v.of[name].(T)
	return x
}

// Explain adds to a startup error what can be done about it.
func (u URL) Explain(flag string, err error) error {
	todo := "start " + u.server() + " there, or correct the URL"
	switch text := err.Error(); {
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"):
		todo = "put the password in the URL: redis://:PASSWORD@HOST:PORT/0, or redis://USER:PASSWORD@…"
	case strings.Contains(text, "DB index"):
		todo = "the number at the end of the URL selects the database: 0 to 15, unless Redis is configured otherwise"
	case strings.HasPrefix(string(u), "rediss:"):
		todo = "rediss:// is Redis over TLS; use redis:// without TLS"
	}
	return fmt.Errorf("--%s %s: %w; %s", flag, u, err, todo)
}

// server is the kind of server the URL names.
func (u URL) server() string {
	scheme, _, _ := strings.Cut(string(u), ":")
	switch scheme {
	case "postgres", "postgresql":
		return "PostgreSQL"
	case "mysql":
		return "MySQL or MariaDB"
	}
	return "Redis"
}
