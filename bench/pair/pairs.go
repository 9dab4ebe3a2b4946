//go:build linux

package main

import "github.com/sipscript/sipscript/engine/ring"

// pair is two servers: one with what is measured, and one without.
type pair struct {
	name          string
	with, without options
}

// options are those of a server.
type options struct {
	script string
	ring   int    // bytes of the ring of calls, 0 for none
	to     string // where records of calls go, as acc.configure has it; DIR is a directory
}

// usualRing is that of servers of which the ring is not what is measured: the command has one as
// well, and this one is soon full.
const usualRing = 4 << 20

func pairs() []pair {
	plain := options{script: "bench/route.lua", ring: usualRing}
	beside := func(name, script, to string) pair {
		return pair{name, options{script: script, ring: usualRing, to: to}, plain}
	}
	return []pair{
		{"ring", options{script: plain.script, ring: ring.DefaultSize}, options{script: plain.script}},
		beside("dialog", "bench/dialog.lua", ""),
		beside("acc-json", "bench/acc.lua", "json:DIR/cdr.jsonl"),
		beside("acc-csv", "bench/acc.lua", "csv:DIR/cdr.csv"),
		beside("acc-sqlite", "bench/acc.lua", "sqlite:DIR/cdr.db"),
		beside("b2b", "bench/b2b.lua", ""),
	}
}

func names() (list []string) {
	for _, p := range pairs() {
		list = append(list, p.name)
	}
	return list
}
