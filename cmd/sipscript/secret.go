package main

// The key of --secret: what signs Record-Routes, nonces and flow tokens.

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	minSecret = 16   // bytes; fewer can be guessed
	maxSecret = 4096 // bytes; more is another file given by mistake
)

// readSecret reads the key. warning is what the operator should hear about the file, or "".
func readSecret(path string) (key []byte, warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("--secret: %w; make one with: head -c 32 /dev/urandom | base64 > %s", err, path)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, "", fmt.Errorf("--secret: %w", err)
	}
	if len(text) > maxSecret {
		return nil, "", fmt.Errorf("--secret: %s has more than %d bytes; is it the right file?", path, maxSecret)
	}
	// An editor's newline at the end is not part of the key: the nodes of a cluster must agree on it.
	key = bytes.TrimRight(text, "\r\n")
	if len(key) < minSecret {
		return nil, "", fmt.Errorf("--secret: %s has %d bytes; a key needs %d or more: head -c 32 /dev/urandom | base64 > %s", path, len(key), minSecret, path)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		warning = fmt.Sprintf("the key in %s can be read by others; chmod 600 %s", path, path)
	}
	return key, warning, nil
}
