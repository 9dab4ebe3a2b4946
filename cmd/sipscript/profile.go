package main

// sipscript profile: where the processor time and the memory of a running server go, for
// go tool pprof.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

const (
	profilePath    = "/api/v1/profile"
	profileSeconds = 10 // by default
	// mostProfiled bounds a profile, in seconds: the admin interface waits no longer for an answer.
	mostProfiled = 50
)

// kinds of profiles.
var profileKinds = []string{"cpu", "heap", "goroutines"}

type profileBody struct {
	Kind    string `json:"kind,omitempty" doc:"cpu (default), heap or goroutines"`
	Seconds int    `json:"seconds,omitempty" doc:"of cpu: for how long, 1 to 50; default 10"`
}

func (s *server) profileOperations() []openapi.Operation {
	return []openapi.Operation{{Method: "POST", Path: profilePath, Summary: "measure where processor time or memory goes; the answer is for go tool pprof", Body: profileBody{}, Answer: "",
		Type: "application/octet-stream", Fails: []int{400, 409}, Serve: s.profile}}
}

// profile measures until the time is over or whoever asked is gone.
func (s *server) profile(w http.ResponseWriter, r *http.Request) {
	var body profileBody
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		host.Refuse(w, http.StatusBadRequest, errors.New(`expected {"kind": "cpu", "seconds": 10}`))
		return
	}
	if err := body.check(); err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	var b bytes.Buffer
	var err error
	switch body.Kind {
	case "heap":
		runtime.GC() // what is garbage already is not what memory goes to
		err = pprof.Lookup("heap").WriteTo(&b, 0)
	case "goroutines":
		err = pprof.Lookup("goroutine").WriteTo(&b, 0)
	default:
		err = profileCPU(r.Context(), &b, time.Duration(body.Seconds)*time.Second)
	}
	if err != nil {
		host.Refuse(w, http.StatusConflict, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b.Bytes())
}

func (p *profileBody) check() error {
	if p.Kind == "" {
		p.Kind = profileKinds[0]
	}
	switch {
	case !slices.Contains(profileKinds, p.Kind):
		return fmt.Errorf("kind %q: expected %s", p.Kind, strings.Join(profileKinds, ", "))
	case p.Seconds != 0 && p.Kind != "cpu":
		return errors.New("seconds are for cpu: the other kinds take none")
	case p.Seconds == 0:
		p.Seconds = profileSeconds
	case p.Seconds < 0 || p.Seconds > mostProfiled:
		return fmt.Errorf("seconds %d: expected 1 to %d", p.Seconds, mostProfiled)
	}
	return nil
}

// profileCPU samples the process for a time. There is one such profile at a time.
func profileCPU(ctx context.Context, b *bytes.Buffer, how time.Duration) error {
	if err := pprof.StartCPUProfile(b); err != nil {
		return fmt.Errorf("another profile is made: %w", err)
	}
	defer pprof.StopCPUProfile()
	timer := time.NewTimer(how)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

func profileCommand() host.Command {
	return host.Command{Name: "profile", Usage: "measure where a running server's processor time or memory goes, for go tool pprof", Args: "FILE", Remote: true,
		Description: "Writes a profile to FILE, which must not be there. `go tool pprof -top FILE` prints it, `go tool pprof -http localhost:0 FILE` draws it.",
		Flags: []host.Flag{
			{Name: "kind", Usage: "measure `KIND`: cpu, heap or goroutines", Default: profileKinds[0]},
			{Name: "seconds", Kind: host.Int, Usage: "sample the processor for `N` seconds, 1 to 50", DefaultText: "10"},
		},
		Run: func(c *host.Invocation) error {
			if len(c.Args) != 1 {
				return host.Usagef("%s: name one file that the profile is written to", c.Command)
			}
			body := profileBody{c.Flags.Text("kind"), c.Flags.Int("seconds")}
			if err := (&profileBody{body.Kind, body.Seconds}).check(); err != nil {
				return host.Usagef("%s: %v", c.Command, err)
			}
			text, err := json.Marshal(body)
			if err != nil {
				return err
			}
			// First, so that a name which can't be written costs no time
			f, err := os.OpenFile(c.Args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s: there is such a file already, and it is not written over", c.Args[0])
			}
			if err != nil {
				return err
			}
			got, err := c.Ask(http.MethodPost, profilePath, bytes.NewReader(text))
			if err == nil {
				_, err = f.Write(got)
			}
			if err = errors.Join(err, f.Close()); err != nil {
				return errors.Join(err, os.Remove(c.Args[0]))
			}
			return nil
		}}
}
