//go:build portable || !(linux && (amd64 || arm64 || riscv64 || loong64))

package transport

import "github.com/sipscript/sipscript/engine/lane"

// Outbox has nothing to do if there is no system call for several datagrams.
type Outbox struct{}

// NewOutbox makes an outbox for one goroutine that brings work to lanes.
func (s *Stack) NewOutbox() *Outbox { return &Outbox{} }

// OnLane is the Wire of the works of a lane.
func (s *Stack) OnLane(*lane.Lane) Wire { return s }

// Next has nothing to send.
func (o *Outbox) Next(lane.Time) {}

// End has nothing to send.
func (o *Outbox) End() {}
