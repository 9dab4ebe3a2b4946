// Command sipscript is a SIP proxy, registrar or redirect server, by the choice of a Lua script.
package main

import (
	"io"
	"os"
)

func main() {
	os.Exit(execute(os.Args, environment{lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// environment is what a command takes from its process, so that tests can substitute it.
type environment struct {
	lookup         func(name string) (value string, ok bool)
	stdin          io.Reader
	stdout, stderr io.Writer
}
