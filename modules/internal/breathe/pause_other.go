//go:build !linux

package breathe

import "time"

func pause() { time.Sleep(length) }
