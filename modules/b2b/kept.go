package b2b

// Legs that were answered, noted in files of --data: a process that is killed leaves parties that
// talk to nobody, and the next one ends them.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// mostGoodbyes is how many parties are told at a time.
const mostGoodbyes = 100

// goodbyeReason is why they are.
const goodbyeReason = `SIP;cause=500;text="The server was restarted"`

// kept is what is noted. A nil one notes nothing.
type kept struct {
	files *spool.Spool
	log   *slog.Logger

	mu     sync.Mutex
	left   []spool.Unfinished // guarded by mu: of the process before, not told yet
	told   int                // guarded by mu: of those that were, who has answered or is silent
	begun  int                // guarded by mu: how many there were
	failed error              // guarded by mu: why the disk took nothing, last
	ending bool               // guarded by mu: the server ends, and whoever was not told is left
}

// openKept reads what the process before has left; nil without a directory.
func openKept(data string, log *slog.Logger) (*kept, error) {
	if data == "" {
		return nil, nil
	}
	files, left, err := spool.Open(spool.Options{Dir: filepath.Join(data, "b2b"), Log: log})
	if err != nil {
		return nil, fmt.Errorf("b2b: %w", err)
	}
	return &kept{files: files, log: log, left: left, begun: len(left)}, nil
}

// keyOf names a leg: its tag, of 16 letters.
func keyOf(l *dialog.Leg) (k spool.Key) {
	copy(k[:], l.ID())
	return k
}

// note writes down what ends a leg that was answered, as it is now.
func (k *kept) note(l *dialog.Leg) {
	text, err := json.Marshal(l.Goodbye())
	if err == nil {
		err = k.files.Begin(keyOf(l), text)
	}
	k.tell(err)
}

// forget is for one that has ended.
func (k *kept) forget(l *dialog.Leg) {
	k.tell(k.files.End(keyOf(l)))
}

// tell logs that legs are not noted, once.
func (k *kept) tell(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && k.failed == nil {
		k.log.Error("b2b: calls can't be noted in --data; if this process is killed, nobody will end them", "error", err)
	}
	k.failed = err
}

// sayGoodbye has those told, once the engine runs, whom the process before has left.
func (k *kept) sayGoodbye(e *engine.Engine, a *dialog.Agent) {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.ending = false
	n := len(k.left)
	k.mu.Unlock()
	if n > 0 {
		w := &goodbyes{kept: k, agent: a}
		e.Background().Post(lane.Func(func(l *lane.Lane) { l.After(firstGoodbye, &w.timer, w) }))
	}
}

// firstGoodbye is how long after the start the first is told.
const firstGoodbye = time.Second

// goodbyes begins to tell them.
type goodbyes struct {
	*kept
	agent *dialog.Agent
	timer lane.Timer
}

// Expire does that.
func (w *goodbyes) Expire(*lane.Timer) {
	w.log.Info("b2b: calls of the process before are ended", "legs", w.begun)
	for range min(w.begun, mostGoodbyes) {
		w.next(w.agent)
	}
}

// next has one told, and the next one when that is done.
func (k *kept) next(a *dialog.Agent) {
	for {
		k.mu.Lock()
		if len(k.left) == 0 || k.ending {
			over := k.told == k.begun && k.begun > 0
			if over {
				k.left, k.begun, k.told = nil, 0, 0
			}
			k.mu.Unlock()
			if over {
				k.log.Info("b2b: all calls of the process before are ended")
			}
			return
		}
		u := k.left[0]
		k.left = k.left[1:]
		k.mu.Unlock()
		var g dialog.Goodbye
		err := json.Unmarshal(u.Data, &g)
		if err == nil {
			var wrong *engine.MisuseError
			err = a.SayGoodbye(&g, goodbyeReason, func() { k.done(u.Key); k.next(a) })
			if !errors.As(err, &wrong) {
				return // it is being told, or the engine has ended: then the next process tells it
			}
		}
		k.log.Warn("b2b: a call of the process before can't be ended", "call_id", g.CallID, "error", err)
		k.done(u.Key)
	}
}

// done notes that one was told, unless the server ended in the midst of that: then the next process
// tells it again.
func (k *kept) done(key spool.Key) {
	k.mu.Lock()
	ending := k.ending
	if !ending {
		k.told++
	}
	k.mu.Unlock()
	if !ending {
		k.tell(k.files.End(key))
	}
}

// leave is for the end of the server.
func (k *kept) leave() {
	if k != nil {
		k.mu.Lock()
		k.ending = true
		k.mu.Unlock()
	}
}

// close lets go of the files.
func (k *kept) close() error {
	if k == nil {
		return nil
	}
	return k.files.Close()
}
