package main

import "testing"

func TestMemTotal(t *testing.T) {
	if n := memTotal("MemTotal:       24675000 kB\nMemFree:  1 kB\n"); n != 24675000*1024 {
		t.Error(n)
	}
	if n := memTotal("nothing"); n != 0 {
		t.Error(n)
	}
	if n := machineMemory(); n < 0 {
		t.Error(n)
	}
}
