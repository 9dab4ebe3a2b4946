package main

// This file runs and checks scripts for Kamailio's KEMI by the command line.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKEMI(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.lua", "function ksr_request_route()\n  KSR.tm.t_relay()\nend\n")
	write("bad.lua", "function ksr_request_route()\n  KSR.drop()\nend\n")
	write("k.cfg", "modparam(\"app_lua\", \"load\", \"/etc/kamailio/bad.lua\")\ncfgengine \"lua\"\n")
	good, bad := filepath.Join(dir, "good.lua"), filepath.Join(dir, "bad.lua")
	const drop = "KSR.drop: there is no such function in Kamailio 5.6: use KSR.x.drop(), or KSR.set_drop()"
	for _, c := range []struct {
		name string
		args []string
		code int
		out  string
	}{
		{"check: good", []string{"check", "--kemi", good}, 0, ""},
		{"check: bad", []string{"check", "--kemi", bad}, 1, bad + ":2:7: " + drop},
		{"check: a configuration", []string{"check", "--kemi", filepath.Join(dir, "k.cfg")}, 1, bad + ":2:7: " + drop},
		{"check: no file", []string{"check", "--kemi", filepath.Join(dir, "none.lua")}, 1, "no such file"},
		{"convert", []string{"kemi", "convert", good}, 0, "function route(req) return req:relay(req.ruri) end"},
		{"convert: no file", []string{"kemi", "convert", filepath.Join(dir, "none.lua")}, 1, "no such file"},
		{"convert: nothing", []string{"kemi", "convert"}, 2, "name one file"},
		{"run: bad", []string{"run", "--kemi", bad, "-l", "udp:127.0.0.1:0"}, 1, "bad.lua:2: " + drop},
		{"run: two scripts", []string{"run", "--kemi", good, bad}, 2, "only one can direct the server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out := sipscript(c.args...)
			if code != c.code || !strings.Contains(out, c.out) || c.out == "" && out != "" {
				t.Errorf("%d\n%s", code, out)
			}
		})
	}
}
