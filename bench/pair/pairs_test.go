//go:build linux

package main

import "testing"

// The servers of each pair start with the scripts that are there.
func TestPairs(t *testing.T) {
	t.Chdir("../..")
	b := bench{dir: t.TempDir()}
	for _, p := range pairs() {
		for what, o := range map[string]options{"with": p.with, "without": p.without} {
			t.Run(p.name+" "+what, func(t *testing.T) {
				s, err := b.serve(o)
				if err != nil {
					t.Fatal(err)
				}
				s.close()
			})
		}
	}
}
