//go:build unix

package main

// The KEMI script of Kamailio's Debian package, as it is shipped, on Kamailio and on ours.

import (
	"os"
	"path/filepath"
)

const stockKEMI = "/usr/share/doc/kamailio/examples/kemi/kamailio-basic-kemi-lua.lua"

// kemi are both servers with it; none where the package's documentation is not installed.
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
			return []string{filepath.Join(b.dir, "sipscript"), "run", "--no-watch", "-d", "example.com", "-l", "udp:" + addr, "--kemi", filepath.Join(b.dir, "kemi-stock.cfg")}, nil
		}},
	}
}
