package main

// The server's own part of the admin API: lanes, script generations, arguments, the log's level.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/openapi"
	"github.com/sipscript/sipscript/ops/page"
	"github.com/sipscript/sipscript/ops/trace"
)

// errStarting is the answer before the server serves.
var errStarting = errors.New("the server is starting")

// apiInfo is what the document of the API begins with.
func apiInfo() openapi.Info {
	return openapi.Info{Title: "sipscript admin API", Version: "1",
		Description: "What a running server tells, and what it can be told to do. GET asks and needs the role read; everything else acts, needs the role act, and leaves a line in the log."}
}

// operations are all of the API, without a server behind them: for the document.
func operations() ([]openapi.Operation, error) {
	modules, err := host.Open(all.Plugins(), host.Environment{})
	if err != nil {
		return nil, err
	}
	list := append(admin.Operations(), (&server{}).operations()...)
	return slices.Concat(list, (&trace.API{}).Operations(), modules.API()), nil
}

// What the operations take and answer.
type (
	lanesAnswer struct {
		Lanes []laneAnswer `json:"lanes"`
	}
	laneAnswer struct {
		Lane    string  `json:"lane" doc:"its number, or background"`
		Queue   int     `json:"queue" doc:"work that waits now"`
		Delay   float64 `json:"delay_seconds" doc:"how long work waited lately"`
		Done    uint64  `json:"done" doc:"pieces of work"`
		Refused uint64  `json:"refused" doc:"work refused because the queue was full"`
		Panics  uint64  `json:"panics" doc:"work that panicked"`
	}
	generationsAnswer struct {
		Generations []generationAnswer `json:"generations" doc:"the newest first"`
		Refused     string             `json:"refused,omitempty" doc:"why the last reload was refused"`
	}
	generationAnswer struct {
		Number  uint64    `json:"generation"`
		Serving bool      `json:"serving" doc:"new requests go to it; others finish what they began"`
		Canary  bool      `json:"canary,omitempty" doc:"it is on trial: some new requests go to it"`
		Loaded  time.Time `json:"loaded"`
		Held    int64     `json:"held" doc:"handlers, timers, tasks and transactions that keep it"`
	}
	argumentsAnswer struct {
		Arguments map[string]string `json:"arguments" doc:"as sip.args has them; of a name that sounds like a secret only ***"`
	}
	argumentsBody struct {
		Set   map[string]string `json:"set,omitempty" doc:"values by their names"`
		Unset []string          `json:"unset,omitempty" doc:"names"`
	}
	levelAnswer struct {
		Level string `json:"level" doc:"debug, info, warn or error"`
	}
)

func (s *server) operations() []openapi.Operation {
	return append(slices.Concat(s.canaryOperations(), s.listenerOperations(), s.replayOperations(), s.profileOperations()), []openapi.Operation{
		{Method: "GET", Path: "/api/v1/lanes", Summary: "list the lanes and how busy they are", Answer: lanesAnswer{}, Fails: []int{503}, Serve: s.once(s.answerLanes)},
		{Method: "GET", Path: "/api/v1/generations", Summary: "list the generations of the script that are there", Answer: generationsAnswer{}, Fails: []int{503}, Serve: s.once(s.answerGenerations)},
		{Method: "GET", Path: "/api/v1/arguments", Summary: "list the arguments of the script", Answer: argumentsAnswer{}, Fails: []int{503}, Serve: s.once(s.answerArguments)},
		{Method: "POST", Path: "/api/v1/arguments", Summary: "change arguments of the script until the server stops, by a reload", Body: argumentsBody{}, Answer: argumentsAnswer{}, Secret: true,
			Fails: []int{400, 409, 422, 503}, Serve: s.once(s.setArguments)},
		{Method: "GET", Path: "/api/v1/log-level", Summary: "tell the level of the log", Answer: levelAnswer{}, Serve: func(w http.ResponseWriter, _ *http.Request) {
			host.Answer(w, http.StatusOK, levelAnswer{levelName(s.level.Level())})
		}},
		{Method: "PUT", Path: "/api/v1/log-level", Summary: "change the level of the log until the server stops", Body: levelAnswer{}, Answer: levelAnswer{}, Fails: []int{400}, Serve: s.setLevel},
		{Method: "GET", Path: "/api/v1/live", Summary: "stream a sample of the server each second, as server-sent events; the first event has those of the last five minutes", Answer: page.Sample{}, Type: "text/event-stream",
			Fails: []int{503}, Serve: s.live.ServeHTTP},
	}...)
}

// once serves when the server does: before, its parts are not there.
func (s *server) once(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// One that is told to stop while it starts drains without an engine.
		if s.state.Load() == starting || s.engine == nil || s.router == nil {
			host.Refuse(w, http.StatusServiceUnavailable, errStarting)
			return
		}
		serve(w, r)
	}
}

func (s *server) answerLanes(w http.ResponseWriter, _ *http.Request) {
	list := []laneAnswer{}
	add := func(name string, l *lane.Lane) {
		st := l.Stats()
		list = append(list, laneAnswer{name, l.Depth(), time.Duration(st.Recent.Load()).Seconds(), st.Works.Load(), st.Refused.Load(), st.Panics.Load()})
	}
	for _, l := range s.engine.Lanes() {
		add(strconv.Itoa(l.ID()), l)
	}
	add("background", s.engine.Background())
	host.Answer(w, http.StatusOK, lanesAnswer{list})
}

func (s *server) answerGenerations(w http.ResponseWriter, _ *http.Request) {
	_, refused := s.reloads.last()
	a := generationsAnswer{Generations: []generationAnswer{}, Refused: refused}
	for _, g := range s.router.Generations() {
		a.Generations = append(a.Generations, generationAnswer{g.Number, g.Serving, g.Trial, g.Loaded.UTC(), g.Held})
	}
	host.Answer(w, http.StatusOK, a)
}

// secretName fits names of arguments that hold secrets.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|key|pwd|credential|dsn|auth`)

// passwordInURL fits the user and the password of a URL, wherever they are in a value.
var passwordInURL = regexp.MustCompile(`(://[^/?#\s:@]*:)\S*@`)

func (s *server) answerArguments(w http.ResponseWriter, _ *http.Request) {
	host.Answer(w, http.StatusOK, argumentsAnswer{maskedArguments(s.arguments())})
}

// maskedArguments are arguments without what is secret.
func maskedArguments(args map[string]string) map[string]string {
	shown := map[string]string{}
	for name, value := range args {
		if secretName.MatchString(name) {
			value = "***"
		}
		value = passwordInURL.ReplaceAllString(value, "$1***@")
		shown[name] = value
	}
	return shown
}

// arguments are those in force.
func (s *server) arguments() map[string]string {
	s.argsMu.Lock()
	defer s.argsMu.Unlock()
	return s.args
}

func (s *server) setArguments(w http.ResponseWriter, r *http.Request) {
	var body argumentsBody
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil || len(body.Set)+len(body.Unset) == 0 {
		host.Refuse(w, http.StatusBadRequest, errors.New(`expected {"set": {"NAME": "VALUE"}, "unset": ["NAME"]}`))
		return
	}
	for name := range body.Set {
		if !isIdentifier(name) {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("%.60q is not a name of letters, digits and _", name))
			return
		}
	}
	switch err := s.changeArguments(r.Context(), &body); {
	case errors.Is(err, admin.ErrNotServing):
		host.Refuse(w, http.StatusConflict, err)
	case err != nil:
		host.Refuse(w, http.StatusUnprocessableEntity, err)
	default:
		s.answerArguments(w, r)
	}
}

func (s *server) changeArguments(ctx context.Context, body *argumentsBody) error {
	s.reloads.one.Lock()
	defer s.reloads.one.Unlock()
	if err := s.ready(); err != nil {
		return fmt.Errorf("%w: %w", err, admin.ErrNotServing)
	}
	args := maps.Clone(s.arguments())
	if args == nil {
		args = map[string]string{}
	}
	maps.Copy(args, body.Set)
	for _, name := range body.Unset {
		delete(args, name)
	}
	err := s.router.SetArgs(ctx, args)
	s.reloads.note(time.Now(), err)
	if err != nil {
		return err
	}
	s.argsMu.Lock()
	defer s.argsMu.Unlock()
	s.args = args
	return nil
}

func (s *server) setLevel(w http.ResponseWriter, r *http.Request) {
	var a levelAnswer
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	var level slog.Level
	err := in.Decode(&a)
	if err == nil {
		level, err = readLevel(a.Level)
	}
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	s.level.Set(level)
	host.Answer(w, http.StatusOK, levelAnswer{levelName(level)})
}
