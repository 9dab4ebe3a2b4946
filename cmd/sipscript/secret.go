package main

// The key of --secret, which signs Record-Routes, nonces and flow tokens.

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	minSecret = 16   // bytes; fewer can be guessed
	maxSecret = 4096 // bytes; a longer file was given by mistake
)

// readSecret reads the key. warning is what the operator should know about the file, or "".
func readSecret(path string) (key []byte, warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("--secret: %w; create one with: head -c 32 /dev/urandom | base64 > %s", err, path)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, "", fmt.Errorf("--secret: %w", err)
	}
	if len(text) > maxSecret {
		return nil, "", fmt.Errorf("--secret: %s has more than %d bytes; is it the right file?", path, maxSecret)
	}
	// An editor's newline at the end is not part of the key: the nodes of a cluster must agree on
	// it.
	key = bytes.TrimRight(text, "\r\n")
	if len(key) < minSecret {
		return nil, "", fmt.Errorf("--secret: %s has %d bytes; a key needs %d or more; create one with: head -c 32 /dev/urandom | base64 > %s", path, len(key), minSecret, path)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		warning = fmt.Sprintf("the key in %s is readable by other users; chmod 600 %s", path, path)
	}
	return key, warning, nil
}

// makeSecret writes a new key to path, unless there is one. It appears completely or not at all,
// and is on disk when this returns: if a crash lost the key, calls from before the crash would be
// unknown.
func makeSecret(path string) (err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // readSecret reports what is wrong with it
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("--data: the key: %w", err)
		}
	}()
	key := make([]byte, 32)
	rand.Read(key)
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
