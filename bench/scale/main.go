// Scale shows how what a request costs depends on how much there is: of processors, of bindings, of
// transactions in progress. It runs the engine in this process, without sockets, with Go and Lua
// routes.
//
//	go run ./bench/scale
//
// Each section prints a table. A curve's points are measured in turn, several rounds, so that a
// machine that is slower for a while is so for all of them; the median counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	sections := flag.String("sections", "lanes,bindings,transactions,stateless", "what to measure")
	rounds := flag.Int("rounds", 9, "rounds; the median counts")
	flag.Parse()
	debug.SetGCPercent(200) // the command's
	for _, s := range []struct {
		name string
		run  func(rounds int) error
	}{{"lanes", lanes}, {"bindings", bindings}, {"transactions", transactions}, {"stateless", stateless}} {
		if !slices.Contains(strings.Split(*sections, ","), s.name) {
			continue
		}
		if err := s.run(*rounds); err != nil {
			fmt.Fprintf(os.Stderr, "scale: %s: %v\n", s.name, err)
			os.Exit(1)
		}
	}
}
