package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// callerPart is a Part with calls of its own.
type callerPart struct{ calls, ended atomic.Int32 }

func (*callerPart) Attach(*engine.Engine) error { return nil }
func (p *callerPart) Calls() int                { return int(p.calls.Load()) }
func (p *callerPart) EndCalls()                 { p.ended.Add(1); p.calls.Store(0) }

// A drain waits for the calls that parts have of their own, as long as for others, and then ends
// them.
func TestOwnCalls(t *testing.T) {
	p := &callerPart{}
	p.calls.Store(2)
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, DrainCalls: 200 * time.Millisecond, Parts: []engine.Part{p},
		Router: routerFunc(func(*engine.Request) error { return nil })})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if left := e.AwaitCalls(context.Background()); left != 2 || p.ended.Load() != 0 {
		t.Errorf("%d calls are left, ended %d times", left, p.ended.Load())
	}
	if err := e.Shutdown(context.Background()); err != nil || p.ended.Load() != 1 {
		t.Errorf("%v; ended %d times", err, p.ended.Load())
	}
}
