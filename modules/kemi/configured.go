package kemi

// What the configuration names, as services.lua gives it to this server's modules.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
)

// configured are the functions of it.
func (sh *shim) configured(do func(name string, f func(k *call) int) luabind.Function) []luabind.Function {
	return []luabind.Function{
		do("addresses", func(k *call) int { return k.c.PushText(sh.module.addresses()) }),
		do("groups", func(k *call) int { return k.c.PushStrings(sh.groups) }),
		do("sets", func(k *call) int { return k.c.PushStrings(sh.gatewaySets()) }),
		do("gateways", func(k *call) int { return k.c.PushText(sh.module.gateways()) }),
		do("engines", func(k *call) int { return k.c.PushStrings(sh.module.engines()) }),
		do("databases", func(k *call) int { return k.c.Push(sh.module.databases()) }),
		do("failing", func(k *call) int { return k.bool(k.f != nil && k.f.kind == inFailure) }),
	}
}

// gatewaySets are the sets of gateways: those of the file, or those that the script names.
func (sh *shim) gatewaySets() []string {
	if list := Sets(sh.module.gateways()); list != nil {
		return list
	}
	return sh.sets
}

// Sets are the sets of gateways of a list file, "file:NAME"; nil for another source, and for a file
// that cannot be read: the module that reads it says why.
func Sets(source string) []string {
	name, ok := strings.CutPrefix(source, "file:")
	if !ok {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return setsOf(string(text))
}

// setsOf are the sets of a list file, whose lines begin with them.
func setsOf(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && strings.Trim(f[0], "0123456789") == "" {
			list = append(list, f[0])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// gateways is where the sets of dispatcher are.
func (m *module) gateways() string { return Gateways(m.config) }

// Gateways is where the sets of dispatcher are: a database, or a file next to the configuration;
// "" for nowhere.
func Gateways(c *cfg.Config) string {
	if c == nil {
		return ""
	}
	if url := c.Param("dispatcher", "db_url", ""); url != "" {
		return database(url)
	}
	if file := c.Param("dispatcher", "list_file", ""); file != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(c.File), file)
		}
		return "file:" + file
	}
	return ""
}

// engines are the daemons of rtpengine.
func (m *module) engines() []string { return Engines(m.config) }

// Engines are the daemons of rtpengine that a configuration names.
func Engines(c *cfg.Config) []string {
	var list []string
	if c == nil {
		return nil
	}
	for _, p := range c.Params {
		if p.Name != "rtpengine_sock" || p.Module != "rtpengine" {
			continue
		}
		for _, word := range strings.Fields(p.Value) {
			if strings.HasPrefix(word, "udp:") {
				word, _, _ = strings.Cut(word, "=") // the weight
				list = append(list, word)
			}
		}
	}
	return list
}

// databases are the connections of sqlops by their names.
func (m *module) databases() map[string]any { return Databases(m.config) }

// Databases are the connections of sqlops by their names, as this server writes their URLs.
func Databases(c *cfg.Config) map[string]any {
	list := map[string]any{}
	if c == nil {
		return list
	}
	for _, p := range c.Params {
		name, url, ok := strings.Cut(p.Value, "=>")
		if p.Module == "sqlops" && p.Name == "sqlcon" && ok {
			list[strings.TrimSpace(name)] = database(strings.TrimSpace(url))
		}
	}
	return list
}
