package luabind

// How errors of scripts are logged: each place a few times in ten seconds.

import (
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// report logs and counts an error of a handler.
func (v *vm) report(req *engine.Request, what string, err *ScriptError) {
	if err.replaced {
		return
	}
	v.errors.Add(1)
	if t := v.gen.router.trial.Load(); t != nil {
		t.erred(v.gen, what, err.Text)
	}
	v.gen.router.stepFailed(req, err)
	log := v.gen.router.opts.Log
	if req != nil {
		log = v.log(req)
	}
	kind := "script error"
	switch {
	case err.Stopped:
		kind = "script stopped"
	case err.Panic:
		kind = "bug in a binding"
	}
	more, tell := v.gen.router.told.tell(what, err.Text, v.clock.Now())
	if !tell {
		return
	}
	text, traceback := clip(err.Text), err.Traceback
	if most := max(maxLine-len(text), 500); len(traceback) > most {
		traceback = strings.ToValidUTF8(traceback[:most], "") + "…"
	}
	if more > 0 {
		log = log.With("suppressed", more)
	}
	log.Error(kind, "function", what, "error", text, "traceback", traceback)
}

// told remembers where errors came from, so that a timer or a caller cannot fill the log.
type told struct {
	mu    sync.Mutex
	sites map[string]*site // by what failed, and the file and line; guarded by mu
}

// site is one place.
type site struct {
	since lane.Time
	lines int // logged since then
	more  int // not logged
}

const (
	tellEvery = lane.Time(10 * time.Second)
	tellLines = 5 // of one site in that time
	maxSites  = 1000
)

// tell reports whether an error is logged, and how many from its site were suppressed since the
// last.
func (t *told) tell(what, text string, now lane.Time) (more int, tell bool) {
	at := text
	if i := strings.IndexByte(text, ':'); i >= 0 {
		if j := strings.IndexByte(text[i+1:], ':'); j >= 0 {
			at = text[:i+1+j]
		}
	}
	key := what + " " + at[:min(len(at), 200)]
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sites[key]
	if s == nil {
		if len(t.sites) >= maxSites || t.sites == nil {
			t.sites = map[string]*site{}
		}
		s = &site{since: now}
		t.sites[strings.Clone(key)] = s
	}
	if now-s.since >= tellEvery {
		s.since, s.lines = now, 0
	}
	if s.lines++; s.lines > tellLines {
		s.more++
		return 0, false
	}
	more, s.more = s.more, 0
	return more, true
}

// requestLog is what logging needs of a request.
type requestLog interface{ Message() *message.Message }

func isNilRequest(r requestLog) bool {
	req, ok := r.(*engine.Request)
	return r == nil || ok && req == nil
}
