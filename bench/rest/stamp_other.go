//go:build !linux

package main

import (
	"net"
	"time"
)

func stamped(*net.UDPConn) error { return nil }

func stamp([]byte) time.Time { return time.Now() }

func processorTime() time.Duration { return 0 }
