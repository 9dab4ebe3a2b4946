package host

// What a module declares.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin declares a module. Name and New are required.
type Plugin struct {
	// Name is what scripts require, the NAME in /api/v1/NAME, and the prefix of its metrics.
	Name string
	// Flags are those it adds to `sipscript run`. Each is a SIPSCRIPT_* variable and a key of
	// --config as well. Their names begin with the module's, unless they are shared ones that CLI
	// users know.
	Flags []Flag
	// Listens are the protocols of --listen that it serves, beside those of SIP.
	Listens []Protocol
	// Commands are those it adds to `sipscript`.
	Commands []Command
	// Schema are the statements that make the tables which the module reads from a database
	// ("sqlite", "postgres" or "mysql"): those of a layout, its own for "". nil: there is no such
	// layout. The field may be nil.
	Schema func(layout, database string) []string
	// New creates the module. See the package documentation for what it may do.
	New func(env *Environment) (luabind.Opener, error)
}

// Kind is the type of a flag's value.
type Kind uint8

const (
	Text     Kind = iota
	List          // texts: the flag is repeated
	Bool          //
	Int           //
	Duration      // 200ms, 32s, 5m
)

// Flag is one flag. A flag that is not given has its Default, or the zero value.
type Flag struct {
	Name    string // "turn-relay"; in lower case, words joined by dashes
	Kind    Kind   // what its value is; Text for the zero value
	Usage   string // one line; `NAME` in it is the value's name in help
	Default string // as it would be written; "" for none
	// DefaultText is what help shows instead of Default.
	DefaultText string
	// Check returns what is wrong with a value, such as "expected an IP address". It may be nil.
	Check func(value string) error
}

// Protocol is one that a module listens with: `--listen NAME:HOST:PORT`.
type Protocol struct {
	Name   string // "turn"
	Secure bool   // it shows a certificate, that of --tls-cert
	// Check returns what is wrong with a listener, which is given whole: "turn:127.0.0.1:3478".
	Check func(listener string) error
}

// Listener is one that the operator wants of a module.
type Listener struct {
	Text string // "turn:127.0.0.1:3478"
	// Advertised is what --advertise says clients are told instead: a host, or host:port; or "".
	Advertised string
}

// Listening is a module with listeners, whose lines are printed as those of SIP are.
type Listening interface {
	// Listening returns them by name and address: "turn 127.0.0.1:3478".
	Listening() []string
}

// Handler serves a module's part of the admin API: the path "/x" is /api/v1/NAME/x. The server has
// checked the host and the token, refused requests from web pages, and bounded bodies and time.
// What is declared does not change, and is known before the module is attached.
type Handler interface {
	API() []openapi.Operation
}

// Storer says in one line where state is kept, for whoever starts the server.
type Storer interface {
	Storage() string
}

// Stateful is a module whose state decides what becomes of requests: a replay of them begins with
// it.
type Stateful interface {
	// Snapshot is the state as it is. With an error there is what could be had, perhaps none.
	Snapshot(ctx context.Context) (json.RawMessage, error)
	// Restore takes a snapshot, of another process, before requests are served.
	Restore(ctx context.Context, state json.RawMessage) error
}

// check returns what is wrong with a list of plugins: a fault of the program.
func check(plugins []Plugin) error {
	names, flags := map[string]bool{}, map[string]string{}
	for _, p := range plugins {
		if p.Name == "" || p.New == nil {
			return fmt.Errorf("host: plugin %q needs a name and a New", p.Name)
		}
		if names[p.Name] {
			return fmt.Errorf("host: there are two plugins %q", p.Name)
		}
		names[p.Name] = true
		for _, f := range p.Flags {
			if f.Name == "" || strings.ContainsAny(f.Name, "_ =") || strings.ToLower(f.Name) != f.Name {
				return fmt.Errorf("host: %s: a flag named %q", p.Name, f.Name)
			}
			if other, ok := flags[f.Name]; ok {
				return fmt.Errorf("host: --%s is a flag of both %s and %s", f.Name, other, p.Name)
			}
			flags[f.Name] = p.Name
		}
	}
	return nil
}

// Flags are the flags of all plugins, in their order.
func Flags(plugins []Plugin) []Flag {
	var list []Flag
	for _, p := range plugins {
		list = append(list, p.Flags...)
	}
	return list
}

// Listens are the protocols that plugins listen with, in their order.
func Listens(plugins []Plugin) []Protocol {
	var list []Protocol
	for _, p := range plugins {
		list = append(list, p.Listens...)
	}
	return list
}

// Commands are the commands of all plugins, in their order.
func Commands(plugins []Plugin) []Command {
	var list []Command
	for _, p := range plugins {
		list = append(list, p.Commands...)
	}
	return list
}
