package main

import (
	"os/exec"
	"testing"
)

// TestPieces: each piece finds the same in both interpreters, so that the table compares the same
// work.
func TestPieces(t *testing.T) {
	if _, err := exec.LookPath("lua5.1"); err != nil {
		t.Skipf("no lua5.1 to compare with: %v", err)
	}
	v, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	defer v.stop()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			ours, err := v.work(name, 5*turn)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := byLua("lua5.1", name, 5*turn)
			if err != nil {
				t.Fatal(err)
			}
			if ours.sum != theirs.sum || ours.sum == "0" {
				t.Errorf("ours finds %s, lua5.1 %s", ours.sum, theirs.sum)
			}
		})
	}
}
