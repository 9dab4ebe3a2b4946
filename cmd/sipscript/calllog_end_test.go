package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sipscript/sipscript/engine"
)

// At the end of a server the reports of all calls come at once: none is left out, and one that
// comes too late breaks nothing.
func TestCallLogAtTheEnd(t *testing.T) {
	var out bytes.Buffer
	g := gate{make(chan struct{}), make(chan struct{}), &sync.Once{}}
	c := newCallLog(writers{g, &out}, slog.LevelInfo, false)
	c.Ended(aCall())
	<-g.waits
	c.wait()
	c.wait()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 * mostCallLines {
			c.Ended(aCall())
		}
	}()
	close(g.open)
	<-done
	c.close()
	if n := strings.Count(out.String(), "msg=call "); n != 2*mostCallLines+1 || c.lost.Load() != 0 {
		t.Errorf("%d lines, %d lost", n, c.lost.Load())
	}
	c.Settled(&engine.CallReport{Code: 408})
}

// What was left out is told at the end, too.
func TestCallLogTellsWhatWasLeftOut(t *testing.T) {
	var out bytes.Buffer
	g := gate{make(chan struct{}), make(chan struct{}), &sync.Once{}}
	c := newCallLog(writers{g, &out}, slog.LevelInfo, false)
	c.Ended(aCall())
	<-g.waits
	for range mostCallLines + 5 {
		c.Ended(aCall())
	}
	lost := c.lost.Load()
	close(g.open)
	c.close()
	if n := strings.Count(out.String(), "msg=call "); lost < 4 || n+int(lost) != mostCallLines+6 || !strings.Contains(out.String(), "suppressed=") {
		t.Errorf("%d lines, %d lost", n, lost)
	}
}

// writers passes the second after the first.
type writers struct {
	before gate
	to     *bytes.Buffer
}

func (w writers) Write(p []byte) (int, error) {
	_, _ = w.before.Write(p)
	return w.to.Write(p)
}
