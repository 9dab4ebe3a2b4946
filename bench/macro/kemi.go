//go:build unix

package main

// The KEMI script of Kamailio's Debian package, as it is shipped, on Kamailio and on ours, and what
// sipscript kemi convert makes of it.

import (
	"os"
	"os/exec"
	"path/filepath"
)

const stockKEMI = "/usr/share/doc/kamailio/examples/kemi/kamailio-basic-kemi-lua.lua"

// kemi are the servers with it; none where the package's documentation is not installed.
func (b *bench) kemi() []contender {
	text, err := os.ReadFile(stockKEMI)
	if err != nil {
		return nil
	}
	// Ours is looked for next to the configuration
	script := filepath.Join(b.dir, "kamailio-basic-kemi-lua.lua")
	configure := b.kamailio("kemi-stock", script)
	theirs := func(addr, callee string) ([]string, error) {
		if err := os.WriteFile(script, text, 0o644); err != nil {
			return nil, err
		}
		return configure(addr, callee)
	}
	return []contender{
		{name: "kamailio-kemi-stock", args: theirs},
		{name: "ours-kemi-stock", ours: true, beside: "kamailio-kemi-stock", args: func(addr, callee string) ([]string, error) {
			if _, err := theirs(addr, callee); err != nil {
				return nil, err
			}
			return append(b.serve(addr), "--kemi", filepath.Join(b.dir, "kemi-stock.cfg")), nil
		}},
		{name: "ours-kemi-converted", ours: true, beside: "kamailio-kemi-stock", args: func(addr, callee string) ([]string, error) {
			if _, err := theirs(addr, callee); err != nil {
				return nil, err
			}
			route, err := exec.Command(filepath.Join(b.dir, "sipscript"), "kemi", "convert", filepath.Join(b.dir, "kemi-stock.cfg")).Output()
			if err != nil {
				return nil, err
			}
			converted := filepath.Join(b.dir, "converted.lua")
			return append(b.serve(addr), converted), os.WriteFile(converted, route, 0o644)
		}},
	}
}

// serve is this project's server without its script.
func (b *bench) serve(addr string) []string {
	return []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:" + addr}
}
