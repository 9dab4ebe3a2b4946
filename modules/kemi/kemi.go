// Package kemi runs routing scripts that were written for Kamailio's KEMI: it gives them the global
// KSR, made of this server's own modules, and calls their functions by name.
//
//	require("kemi").load("kamailio.lua")
//
// What KSR has is in tables ([Rows]): a row says what a function takes and returns, what it does
// here, and in what it deliberately differs. A script that uses something else is refused when it
// is loaded, with its line and what to use in its place ([Check]).
//
// The functions are Go where they only read and edit messages (core.go, hdr.go, tm.go …), and Lua
// where they call other modules (ksr.lua).
package kemi

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
)

//go:embed ksr.lua
var routes string

//go:embed services.lua
var services string

//go:embed events.lua
var eventRoutes string

// Plugin is the module "kemi".
func Plugin() host.Plugin {
	return host.Plugin{Name: "kemi", New: func(env *host.Environment) (luabind.Opener, error) {
		return New(Options{DB: env.DB != ""}), nil
	}}
}

// Kemi is the module. It has what Kamailio's processes share: $shv, hash tables, pike.
type Kemi struct {
	opts   Options
	shared *shared
}

// Options of the module.
type Options struct {
	DB bool // the process has a database of its own, "db:", in which users are
}

// New makes the module.
func New(o Options) *Kemi { return &Kemi{opts: o, shared: newShared()} }

// Doc describes the module.
func (*Kemi) Doc() string { return "Runs routing scripts written for Kamailio's KEMI." }

// Name is "kemi".
func (*Kemi) Name() string { return "kemi" }

// Open makes the module of one script generation.
func (k *Kemi) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{host: h, log: h.Log(), shared: k.shared, db: k.opts.DB}, nil
}

// module is the module of one generation.
type module struct {
	host   *luabind.Host
	log    *slog.Logger
	shared *shared
	db     bool        // "db:" has users
	config *cfg.Config // of the file's first run, so that all VMs have the same
	told   bool
}

// Close has nothing to do.
func (*module) Close() error { return nil }

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "load", Where: luabind.AtLoad,
			Doc: "Loads a script written for Kamailio's KEMI, which takes the place of route, or a kamailio.cfg that names one in the same directory and " +
				"configures its modules.",
			Raises:  "if the script uses what is not there, with each line and what to use in its place",
			Example: `require("kemi").load("kamailio.lua")`},
			luabind.TextArg("file", "its name, next to the script"), m.load),
	}
}

func (m *module) load(c *luabind.Call, file string) {
	script, config, err := m.read(c, file)
	c.RaiseIf(err)
	text, err := c.ReadFile(script)
	if err != nil {
		c.Raise("%s cannot be read: %v", script, err)
	}
	if m.config == nil {
		m.config = config
	}
	found := Source(script, string(text), m.config)
	if bad := slices.DeleteFunc(slices.Clone(found), func(f check.Finding) bool { return f.Severity != check.Error }); len(bad) > 0 {
		c.Raise("%s", refusal(bad))
	}
	m.tell(script, found)
	s := &shim{module: m, script: script, groups: numbers(groupNumber, string(text)), sets: numbers(setNumber, string(text))}
	c.Extend("ksr.lua", strings.NewReplacer("--SERVICES", services, "--EVENTS", eventRoutes).Replace(routes), s.functions(m.config))
	c.Include(script, string(text), true)
}

// read is the script that file is, or names, and the configuration; nil if file is the script.
func (m *module) read(c *luabind.Call, file string) (script string, config *cfg.Config, err error) {
	if !strings.HasSuffix(file, ".cfg") {
		return file, nil, nil
	}
	config, err = cfg.Parse(file, func(name string) ([]byte, error) { return c.ReadFile(filepath.Base(name)) })
	if err != nil {
		return "", nil, err
	}
	if config.Engine != "lua" {
		return "", nil, fmt.Errorf(`%s does not say cfgengine "lua": only KEMI scripts in Lua run here`, file)
	}
	if config.Script == "" {
		return "", nil, fmt.Errorf(`%s names no script: modparam("app_lua", "load", "…")`, file)
	}
	return filepath.Join(filepath.Dir(file), filepath.Base(config.Script)), config, nil
}

// tell says once what looks like a mistake, and what of the configuration has no effect.
func (m *module) tell(script string, warnings []check.Finding) {
	if m.told {
		return
	}
	m.told = true
	for _, f := range warnings {
		m.log.Warn(f.Message, "at", fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	if m.config == nil {
		return
	}
	if list := ignored(m.config); len(list) > 0 {
		m.log.Info("settings of the configuration that have no effect here", "file", script, "settings", strings.Join(list, "; "))
	}
}

// groupNumber is a use of a group of the table address.
var groupNumber = regexp.MustCompile(`allow_source_address\(\s*"?(\d{1,4})"?\s*\)`)

// setNumber is a use of a set of gateways.
var setNumber = regexp.MustCompile(`\bds_[a-z_]+\(\s*"?(\d{1,6})"?\s*[,)]`)

// numbers are those that a script writes where an expression has its parenthesis.
func numbers(at *regexp.Regexp, text string) []string {
	var list []string
	for _, m := range at.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// addresses is the database of the table address, "" for none.
func (m *module) addresses() string {
	if m.config == nil {
		return ""
	}
	return database(m.config.Param("permissions", "db_url", ""))
}

// users is the database of the table subscriber, "" for none: that of the configuration, or the
// process's own.
func (m *module) users() string {
	if m.config != nil {
		if url := m.config.Param("auth_db", "db_url", ""); url != "" {
			return database(url)
		}
	}
	if m.db {
		return "db:"
	}
	return ""
}

// Database is a URL of a database of Kamailio's as this server writes it.
func Database(url string) string { return database(url) }

// database is a URL of Kamailio's as this server writes it.
func database(url string) string {
	// A third slash ends the host that there is not
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		if strings.HasPrefix(path, "//") {
			path = path[1:]
		}
		return "sqlite:" + path
	}
	return url
}

// refusal is the error of a script that uses what is not there.
func refusal(bad []check.Finding) string {
	const most = 20
	var b strings.Builder
	b.WriteString("the script uses what is not there:")
	for i, f := range bad {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(bad)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s:%d: %s", f.File, f.Line, f.Message)
	}
	return b.String()
}

var errNoScript = errors.New("there is no script")
