package main

// What a server says of itself, and in which order it ends.

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// last is a module that looks around when it is closed.
type last struct{ closed func() }

func (l *last) Name() string                               { return "last" }
func (l *last) Open(*luabind.Host) (luabind.Module, error) { return empty{}, nil }

func (l *last) Close() error {
	l.closed()
	return nil
}

// empty is a module of a script generation.
type empty struct{}

func (empty) Functions() []luabind.Function { return nil }
func (empty) Close() error                  { return nil }

// Lists of the status are lists, also those with nothing in them.
func TestStatusWithoutDomains(t *testing.T) {
	set, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "--drain", "0s"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(set, t.Output())
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.state.Store(serving)
	defer s.drain()
	if text, err := json.Marshal(s.status()); err != nil || !strings.Contains(string(text), `"domains":[]`) {
		t.Errorf("%s %v", text, err)
	}
}

// When modules are closed nobody can ask for what they have: the engine has drained, and the admin
// port is closed.
func TestModulesAreClosedLast(t *testing.T) {
	set, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain", "10s", "-d", "example.com"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s, closed := newServer(set, t.Output()), 0
	var addr, admin string
	m := &last{func() {
		closed++
		if c, err := net.ListenPacket("udp", addr); err != nil {
			t.Errorf("the engine still has its port: %v", err)
		} else {
			_ = c.Close()
		}
		if c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", admin); err == nil {
			t.Error("the admin port still answers")
			_ = c.Close()
		}
	}}
	s.plugins = append(s.plugins, host.Plugin{Name: "last", New: func(*host.Environment) (luabind.Opener, error) { return m, nil }})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr, admin = s.engine.Locals()[0].Addr.String(), s.admin.Addr().String()
	s.drain()
	s.close()
	if closed != 1 {
		t.Errorf("the module was closed %d times", closed)
	}
}

// What a script opens is shared, and its servers are among the figures.
func TestClientsAreMeasured(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "x.lua")
	text := fmt.Sprintf("require('auth').users('sqlite:%s')\nfunction route(req) end", filepath.Join(dir, "users.db"))
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "--drain", "0s", script}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(set, t.Output())
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	defer s.drain()
	families, err := s.figures.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sipscript_client_up" && len(f.GetMetric()) == 1 && f.GetMetric()[0].GetGauge().GetValue() == 1 {
			return
		}
	}
	t.Error("no sipscript_client_up")
}
