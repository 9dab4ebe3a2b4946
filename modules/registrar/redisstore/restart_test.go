//go:build unix

package redisstore

// This file tests what a process finds that was there before its last start: bindings of clients
// that only it reaches.

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/storetest"
)

type nobody struct{}

func (nobody) Route(*engine.Request) error { return nil }

// process is a store as a process at an address has it after a start.
func process(t *testing.T, url, addr string) *Store {
	t.Helper()
	s := open(t, url, Options{})
	w := sim.New(1)
	e, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:"+addr, "tcp:"+addr), Seed: 2, Lanes: 1,
		Domains: []string{"example.com"}, Router: nobody{}, Secret: []byte("0123456789abcdef0123456789abcdef"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	luabindtest.Must(registrar.New(registrar.Options{Store: s})).Attach(e)
	return s
}

// TestChangesAfterARestart: a process that comes back changes what it had written before its start.
func TestChangesAfterARestart(t *testing.T) {
	server := redistest.Start(t)
	for name, edit := range map[string]func(*registrar.Record){
		"a nat":                      func(r *registrar.Record) { r.Received, r.Socket = "udp:192.0.2.7:1024", "udp:198.51.100.1:5060" },
		"a connection":               func(r *registrar.Record) { r.Received, r.Flow = "tcp:192.0.2.7:1024", 7 },
		"a connection, and no other": func(r *registrar.Record) { r.Received, r.Flow, r.FlowOnly = "tcp:192.0.2.7:1024", 7, true },
		"a connection of a phone that listens": func(r *registrar.Record) {
			r.Contact, r.Received, r.Flow = "sip:bob@192.0.2.7:5060;transport=tcp", "tcp:192.0.2.7:1024", 7
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := storetest.Record("sip:bob@10.0.0.1", time.Now(), time.Hour)
			edit(&r)
			before := process(t, server.URL, "198.51.100.1:5060")
			set := func([]*registrar.Binding) ([]*registrar.Binding, error) {
				return []*registrar.Binding{registrar.NewBinding(&r)}, nil
			}
			if err := before.Update(t.Context(), name, registrar.Commit, set); err != nil {
				t.Fatal(err)
			}
			after := process(t, server.URL, "198.51.100.1:5060")
			r.CSeq++
			if err := after.Update(t.Context(), name, registrar.Commit, set); err != nil {
				t.Error(err)
			}
		})
	}
}
