//go:build unix

package main

import (
	"errors"
	"testing"
)

func TestSippResult(t *testing.T) {
	const screens = `  Successful call        |       10                  |       10
  Failed call            |        0                  |        0
  Retransmissions        |        3                  |        3
----------------------------- Statistics Screen ------- [1-9]: Change Screen --
  Successful call        |        0                  |     3999
  Failed call            |        0                  |        1
  Retransmissions        |        0                  |       12
`
	if ok, lost, resent, err := sippResult(screens, errors.New("exit status 1")); ok != 3999 || lost != 1 || resent != 12 || err != nil {
		t.Error(ok, lost, resent, err)
	}
	if _, _, _, err := sippResult("sipp: unknown option", errors.New("exit status 255")); err == nil {
		t.Error("no screen, and no error")
	}
}
