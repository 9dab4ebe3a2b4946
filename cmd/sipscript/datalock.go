package main

// One process a --data directory: two would write the same files, and each give back what the calls
// of the other hold.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lockName is the file that the process which has the directory has locked. It contains its id, and
// stays: the lock ends with the process, however that ends.
const lockName = "lock"

// errLocked is the error of lockFile for a file that another process has locked.
var errLocked = errors.New("another process has locked the file")

// lockData locks the directory with lock, until the file is closed. The error names who has it.
// Where nothing can be locked there is neither: not all systems can, nor all file systems.
func lockData(dir string, lock func(*os.File) error, warn func(msg string, args ...any)) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	switch err := lock(f); {
	case errors.Is(err, errLocked):
		who := "another sipscript process" + holder(f)
		_ = f.Close()
		return nil, fmt.Errorf("--data: %s has the directory %s; stop that process, or give this one a directory of its own with --data", who, dir)
	case err != nil:
		_ = f.Close()
		if !errors.Is(err, errors.ErrUnsupported) {
			warn("the directory of --data cannot be locked; see to it that no other process uses it", "dir", dir, "error", err)
		}
		return nil, nil
	}
	// For the text of that error: it may be missing, for example on a full disk.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// holder is " (pid N)" for the process that has locked the file, "" if it has not said that.
func holder(f *os.File) string {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid, err := strconv.ParseUint(strings.TrimSpace(string(text[:n])), 10, 32)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
