//go:build linux

package main

import (
	"fmt"
	"testing"
)

func TestAffordable(t *testing.T) {
	for _, c := range []struct{ conns, limit, want int }{
		{20000, 20200, 20000}, {20000, 20199, 19999}, {20000, 20000, 19800}, {10, 1024, 10}, {20000, 100, 0},
	} {
		t.Run(fmt.Sprint(c.conns), func(t *testing.T) {
			if got := affordable(c.conns, c.limit); got != c.want {
				t.Errorf("%d connections with %d descriptors: %d, want %d", c.conns, c.limit, got, c.want)
			}
		})
	}
}

func TestRaiseLimit(t *testing.T) {
	if limit, err := raiseLimit(10); err != nil || affordable(10, limit) != 10 {
		t.Errorf("%d, %v", limit, err)
	}
	// Which nobody gets: what there is
	if limit, err := raiseLimit(1 << 40); err != nil || limit < 100 {
		t.Errorf("%d, %v", limit, err)
	}
}
