package spool

// A disk that is really full.

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A full file system: what is accepted meanwhile is written when there is room.
func TestFullFileSystem(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("none", mount, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	o := quiet(filepath.Join(mount, "spool"))
	s, _ := open(t, o)
	r := attach(t, s, "r")
	put(t, s, 0, 10)
	settle(t, s)
	filler, err := os.Create(filepath.Join(mount, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 512); err == nil; {
		_, err = filler.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) || filler.Close() != nil {
		t.Fatal(err)
	}
	put(t, s, 10, 200)
	until := time.Now().Add(10 * time.Second)
	for s.Stats().Failing == nil {
		if time.Now().After(until) {
			t.Fatal("the disk is not full")
		}
		time.Sleep(time.Millisecond)
	}
	take(t, r, 0, 50)
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	closed(t, s, r)
	s, _ = open(t, o)
	if s.stats.Damaged != 0 || s.stats.Lost != 0 {
		t.Errorf("%+v", s.stats)
	}
	r = attach(t, s, "r")
	take(t, r, 50, 200)
	nothing(t, r)
	closed(t, s, r)
}
