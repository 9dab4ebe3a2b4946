package main

// What a running server gives away for a replay, and how it loads another file.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/openapi"
	"github.com/sipscript/sipscript/ops/replay"
)

const (
	replayPath     = "/api/v1/replay"
	scriptFilePath = "/api/v1/script"

	defaultReplayed = 1000
	// mostShared bounds the values of sip.shared that are given away, in bytes.
	mostShared = 2 << 20
)

type (
	replayBody struct {
		Last int `json:"last,omitempty" doc:"how many requests at most; 1000 unless it is said"`
	}
	reloadBody struct {
		Script string `json:"script" doc:"a file beside the server's script, which it loads from now on until it stops"`
	}
	reloadAnswer struct {
		Generation int `json:"generation" doc:"what serves now"`
	}
)

func (s *server) replayOperations() []openapi.Operation {
	return []openapi.Operation{
		{Method: "POST", Path: replayPath, Summary: "tell what a replay needs: the last initial requests, the script, and the state", Body: replayBody{}, Answer: replay.Material{}, Fails: []int{400, 404, 503}, Serve: s.once(s.giveMaterial)},
		{Method: "PUT", Path: scriptFilePath, Summary: "load another script, which lies beside the server's", Body: reloadBody{}, Answer: reloadAnswer{}, Fails: []int{400, 409, 422, 503}, Serve: s.once(s.reloadAnother)},
	}
}

func (s *server) giveMaterial(w http.ResponseWriter, r *http.Request) {
	body := replayBody{Last: defaultReplayed}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil || body.Last < 1 || body.Last > replay.MostRequests {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf(`expected {"last": N} with 1 to %d`, replay.MostRequests))
		return
	}
	if s.memory.ring == nil {
		host.Refuse(w, http.StatusNotFound, errors.New("this server remembers no calls: it runs with --ring 0"))
		return
	}
	p, ok := s.router.Program()
	if !ok {
		host.Refuse(w, http.StatusServiceUnavailable, errStarting)
		return
	}
	m := replay.Material{Script: replay.Script{Name: p.Name, Text: p.Text, Files: p.Files, Args: maskedArguments(p.Args)}, Domains: s.engine.Domains().List()}
	if files := s.router.Files(); s.set.script != "" && len(files) > 0 {
		m.Script.Path = files[0]
	}
	if s.set.dialect != nil {
		m.Script.Dialect = s.set.dialect.Name
	}
	for _, l := range s.engine.Locals() {
		m.Listen = append(m.Listen, l.Kind.String()+":"+l.Addr.String())
	}
	m.State, m.Missing = s.modules.Snapshot(r.Context())
	more := false
	if m.Shared, more = s.router.Shared(mostShared); more {
		m.Missing = append(m.Missing, fmt.Sprintf("sip.shared: there are more than %d MiB", mostShared>>20))
	}
	m.Requests, m.LeftOut = replay.Collect(s.memory.ring, body.Last)
	host.Answer(w, http.StatusOK, m)
}

// errBeside says which files a server loads when it is told to by name.
var errBeside = errors.New("expected the path of a Lua file in the directory of the server's script")

// beside is the path of a script that an operator names. Others than those beside the script are
// not loaded: errors of what is no script would show what is in it.
func (s *server) beside(path string) (string, error) {
	if s.set.script == "" {
		return "", errors.New("the server runs the script that is built in, and loads no other")
	}
	own, err := filepath.Abs(s.set.script)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(own), path)
	}
	if path = filepath.Clean(path); filepath.Dir(path) != filepath.Dir(own) || filepath.Ext(path) != filepath.Ext(own) {
		return "", errBeside
	}
	return path, nil
}

// named is what the router has when it runs a file.
func (s *server) named(path string) luabind.Options {
	p, _ := s.router.Program()
	return luabind.Options{Script: path, Args: p.Args}
}

func (s *server) reloadAnother(w http.ResponseWriter, r *http.Request) {
	var body reloadBody
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil {
		host.Refuse(w, http.StatusBadRequest, errors.New(`expected {"script": "new.lua"}`))
		return
	}
	path, err := s.beside(body.Script)
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf("%.200q: %w", body.Script, err))
		return
	}
	switch generation, err := s.reloadBy(r.Context(), func(ctx context.Context) error { return s.router.ReloadAs(ctx, s.named(path)) }); {
	case errors.Is(err, admin.ErrNotServing):
		host.Refuse(w, http.StatusConflict, err)
	case err != nil:
		host.Refuse(w, http.StatusUnprocessableEntity, err)
	default:
		host.Answer(w, http.StatusOK, reloadAnswer{generation})
	}
}

// dialect is a kind of script by its name; nil for none.
func dialect(name string) (*all.Dialect, error) {
	if name == "" {
		return nil, nil
	}
	var known []string
	for _, d := range all.Dialects() {
		if d.Name == name {
			return &d, nil
		}
		known = append(known, d.Name)
	}
	return nil, fmt.Errorf("the server runs a script for %s, of which this command knows nothing: it knows %s", name, strings.Join(known, ", "))
}
