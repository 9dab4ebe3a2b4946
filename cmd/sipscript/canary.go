package main

// A new script on trial (luabind.Trial): its API, its commands, and what follows from its end.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/openapi"
)

const canaryPath = "/api/v1/canary"

type (
	canaryBody struct {
		Share   float64  `json:"share,omitempty" doc:"of new requests, from 0 to 1"`
		Sources []string `json:"sources,omitempty" doc:"addresses and networks, all of whose new requests it gets"`
		After   float64  `json:"after_seconds,omitempty" doc:"when it takes over; default 600"`
		Script  string   `json:"script,omitempty" doc:"another file beside the server's script, which it loads from then on, until it stops"`
	}
	canaryAnswer struct {
		State      string      `json:"state" doc:"none, running, promoted or rolled back"`
		Reason     string      `json:"reason,omitempty" doc:"why it is over, or waits longer"`
		Generation uint64      `json:"generation,omitempty"`
		Share      float64     `json:"share,omitempty"`
		Sources    []string    `json:"sources,omitempty"`
		Began      *time.Time  `json:"began,omitempty"`
		Ended      *time.Time  `json:"ended,omitempty"`
		Left       float64     `json:"left_seconds,omitempty" doc:"until it takes over"`
		Configured []string    `json:"configured,omitempty" doc:"modules that it configures differently, which is in force when it takes over"`
		New        *canarySide `json:"new,omitempty"`
		Old        *canarySide `json:"old,omitempty"`
	}
	canarySide struct {
		Requests uint64 `json:"requests" doc:"since it began"`
		Answered uint64 `json:"answered" doc:"new requests that are over"`
		Failed   uint64 `json:"failed" doc:"of these: with 400 to 699, apart from 401, 407 and 487, or dropped; with sources: with 500 to 599, or dropped"`
		Errors   uint64 `json:"errors" doc:"of the script"`
	}
)

func (s *server) canaryOperations() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: canaryPath, Summary: "tell how the script on trial does, or what became of the last one", Answer: canaryAnswer{}, Fails: []int{503}, Serve: s.once(s.answerCanary)},
		{Method: "POST", Path: canaryPath, Summary: "load the script again for some of the new requests", Body: canaryBody{}, Answer: canaryAnswer{}, Fails: []int{400, 409, 422, 503}, Serve: s.once(s.beginCanary)},
		{Method: "POST", Path: canaryPath + "/promote", Summary: "have the script on trial take over", Answer: canaryAnswer{}, Fails: []int{409, 422, 503}, Serve: s.once(s.endCanary(true))},
		{Method: "DELETE", Path: canaryPath, Summary: "end the trial of the script", Answer: canaryAnswer{}, Fails: []int{409, 422, 503}, Serve: s.once(s.endCanary(false))},
	}
}

func (s *server) answerCanary(w http.ResponseWriter, _ *http.Request) {
	host.Answer(w, http.StatusOK, s.canary())
}

func (s *server) canary() canaryAnswer {
	i, ok := s.router.Trial()
	if !ok {
		return canaryAnswer{State: "none"}
	}
	began := i.Began.UTC()
	a := canaryAnswer{State: i.State, Reason: i.Reason, Generation: i.Generation, Share: i.Share, Began: &began, Left: math.Round(i.Left.Seconds()), Configured: i.Configured,
		New: (*canarySide)(&i.New), Old: (*canarySide)(&i.Old)}
	for _, p := range i.Sources {
		a.Sources = append(a.Sources, p.String())
	}
	if !i.Ended.IsZero() {
		ended := i.Ended.UTC()
		a.Ended = &ended
	}
	return a
}

// trial reads the body.
func (b *canaryBody) trial() (t luabind.Trial, err error) {
	if !(b.After >= 0 && b.After <= 30*24*3600) {
		return t, fmt.Errorf("after_seconds: %v is not a time up to 30 days", b.After)
	}
	t = luabind.Trial{Share: b.Share, After: time.Duration(b.After * float64(time.Second))}
	for _, text := range b.Sources {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, bad := netip.ParseAddr(text)
			if bad != nil {
				return t, fmt.Errorf("%.60q is not an address or a network such as 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		t.Sources = append(t.Sources, asIPv4(p).Masked())
	}
	return t, t.Check()
}

// asIPv4 is a network of IPv4 addresses that is written as one of IPv6 (RFC 4291 §2.5.5.2): no
// request would come from there.
func asIPv4(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func (s *server) beginCanary(w http.ResponseWriter, r *http.Request) {
	var body canaryBody
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		host.Refuse(w, http.StatusBadRequest, errors.New(`expected {"share": 0.05, "sources": ["192.0.2.0/24"], "after_seconds": 600, "script": "new.lua"}`))
		return
	}
	t, err := body.trial()
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	path := ""
	if body.Script != "" {
		if path, err = s.beside(body.Script); err != nil {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("%.200q: %w", body.Script, err))
			return
		}
	}
	switch err := s.tryScript(r.Context(), t, path); {
	case errors.Is(err, admin.ErrNotServing), errors.Is(err, errWatched):
		host.Refuse(w, http.StatusConflict, err)
	case err != nil:
		host.Refuse(w, http.StatusUnprocessableEntity, err)
	default:
		s.answerCanary(w, r)
	}
}

// errWatched: a script that has changed serves already.
var errWatched = errors.New("the server loads each change of its script at once: write the new one to another file beside it and name that with --script, or start the server with --no-watch")

// tryScript has a script tried: that at path, or for "" the server's own as it is now.
func (s *server) tryScript(ctx context.Context, t luabind.Trial, path string) error {
	if s.set.watch && path == "" {
		return errWatched
	}
	s.reloads.one.Lock()
	defer s.reloads.one.Unlock()
	if err := s.ready(); err != nil {
		return fmt.Errorf("%w: %w", err, admin.ErrNotServing)
	}
	try := s.router.Try
	if path != "" {
		try = func(ctx context.Context, t luabind.Trial) error { return s.router.TryAs(ctx, s.named(path), t) }
	}
	if err := try(ctx, t); err != nil {
		s.reloads.refuse(err)
		s.log.Error("the script was refused; the previous one stays in service", "error", err)
		return err
	}
	i, _ := s.router.Trial()
	log := s.log.With("generation", i.Generation)
	if len(i.Configured) > 0 {
		log.Warn("the canary configures modules differently, which is in force when it takes over", "modules", strings.Join(i.Configured, " "))
	}
	log.Info("a canary serves a part of the new requests", "share", i.Share, "after", i.After)
	return nil
}

func (s *server) endCanary(promote bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch err := s.router.EndTrial(promote); {
		case errors.Is(err, luabind.ErrNoTrial):
			host.Refuse(w, http.StatusConflict, err)
		case err != nil:
			host.Refuse(w, http.StatusUnprocessableEntity, err)
		default:
			s.answerCanary(w, r)
		}
	}
}

// tried notes what became of a trial, as a reload does.
func (s *server) tried(i luabind.TrialInfo) {
	if i.State == luabind.TrialPromoted {
		s.reloads.note(i.Ended, nil)
		return
	}
	if i.Failed { // otherwise somebody wanted so
		s.reloads.refuse(errors.New("the canary was rolled back: " + i.Reason))
	}
}

func canaryCommand() host.Command {
	show := host.ShowFlags()
	act := func(method, path string) func(*host.Invocation) error {
		return func(c *host.Invocation) error {
			if err := noArgs(c); err != nil {
				return err
			}
			_, err := c.Ask(method, path, nil)
			return err
		}
	}
	return host.Command{Name: "canary", Usage: "show the script that is on trial (reload --canary), or what became of the last one", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "show", Usage: "show it", Remote: true, Flags: show, Run: showCanary},
		{Name: "promote", Usage: "have it take over at once", Remote: true, Run: act(http.MethodPost, canaryPath+"/promote")},
		{Name: "rollback", Usage: "end it; the script before it serves all requests", Remote: true, Run: act(http.MethodDelete, canaryPath)},
	}, Run: func(c *host.Invocation) error { return c.Alone(showCanary, "show", "promote", "rollback") }}
}

func showCanary(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return host.Show(c, canaryPath, func(a *canaryAnswer) host.View { return host.View{Table: a.table()} })
}

// table is for people.
func (a *canaryAnswer) table() []byte {
	if a.New == nil || a.Old == nil {
		return []byte("no canary runs, and none has run\n")
	}
	line := fmt.Sprintf("generation %d: %s", a.Generation, a.State)
	if a.Reason != "" {
		line += ": " + host.Printable(a.Reason)
	}
	if a.State == luabind.TrialRuns && a.Left > 0 {
		line += ", takes over in " + (time.Duration(a.Left) * time.Second).String()
	}
	if len(a.Configured) > 0 {
		line += "\nits configuration of these modules is in force when it takes over: " + strings.Join(a.Configured, ", ")
	}
	row := func(name string, s *canarySide) []string {
		return []string{name, strconv.FormatUint(s.Requests, 10), strconv.FormatUint(s.Answered, 10), strconv.FormatUint(s.Failed, 10), strconv.FormatUint(s.Errors, 10)}
	}
	return append(host.Table([]string{"SCRIPT", "REQUESTS", "ANSWERED", "FAILED", "ERRORS"}, row("new", a.New), row("old", a.Old)), line+"\n"...)
}

// readShare reads "5%".
func readShare(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(x > 0 && x <= 100) {
		return 0, errors.New("expected a share such as 5%")
	}
	return x / 100, nil
}
