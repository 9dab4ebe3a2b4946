//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"errors"
	"os"
)

// lockFile cannot be done here.
func lockFile(*os.File) error { return errors.ErrUnsupported }
