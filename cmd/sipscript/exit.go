package main

// The exit codes of the process.

import (
	"errors"
	"fmt"
)

const (
	exitFailed = 1 // a bad script, a port in use, a refused reload
	exitUsage  = 2 // flags, variables or configuration that make no sense
)

// errSilent ends the process with exitFailed; everything has already been printed.
var errSilent = errors.New("failed")

// usageError is a mistake on the command line, in a SIPSCRIPT_* variable or in the file of
// --config.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// exitCode is the exit code for an error of a command.
func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}
