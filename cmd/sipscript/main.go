// Command sipscript is a SIP proxy, registrar or redirect server, by the choice of a Lua script.
package main

import (
	"io"
	"os"
)

func main() {
	os.Exit(execute(os.Args, environment{lookup: os.LookupEnv, environ: os.Environ, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// environment is what a command takes from its process, so that tests can substitute it.
type environment struct {
	lookup         func(name string) (value string, ok bool)
	environ        func() []string // all variables; nil: none
	stdin          io.Reader
	stdout, stderr io.Writer
}
