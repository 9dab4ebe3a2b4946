package http_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	module "github.com/sipscript/sipscript/modules/http"
)

// As many requests are at a host as there are connections. Those that wait for their turn have no
// goroutine, come in order, and give up with their time or their request.
func TestTurns(t *testing.T) {
	const conns, more = 64, 100
	release := make(chan struct{})
	var at, most atomic.Int64
	var mu sync.Mutex
	var order []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		order = append(order, r.URL.Query().Get("to"))
		mu.Unlock()
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer at.Add(-1)
		<-release
		w.WriteHeader(299)
	}))
	t.Cleanup(s.Close)
	m := module.New(module.Options{Clients: clients.New(clients.Options{})})
	router := luabindtest.Must(luabind.NewRouter(luabind.Options{Name: "route.lua", Modules: []luabind.Opener{m}, Source: fmt.Sprintf(`
local http = require "http"
function route(req)
  local soon = req.ruri.user == "soon"
  local res, err = http.get(%q, { query = { to = req.ruri.user }, timeout = soon and 0.05 or 60 })
  req:reply(res and res.status or soon and err:find("all connections are busy: context deadline exceeded", 1, true) and 298 or 500, err)
end`, s.URL)}))
	e := luabindtest.Must(engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Router: router}))
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	c, server := luabindtest.NewSocket(t, "a"), net.UDPAddrFromAddrPort(e.Locals()[0].Addr)
	send := func(method, user string) { c.Write(server, c.Request(method, "sip:"+user+"@127.0.0.1", "")) }
	await := func(what string, f func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d wait, %d at the service, answers %v", what, router.Stats().Suspended, at.Load(), c.Finals())
			}
		}
	}
	waiting := func(n int) func() bool { return func() bool { return router.Stats().Suspended == int64(n) } }
	for i := range conns {
		send("MESSAGE", fmt.Sprint(i))
	}
	await("the first", func() bool { return at.Load() == conns })
	before := runtime.NumGoroutine()
	for i := range more {
		send("MESSAGE", fmt.Sprint(conns+i))
		await("the next", waiting(conns+i+1))
	}
	if n := runtime.NumGoroutine() - before; n > more/4 {
		t.Errorf("%d goroutines for %d requests that wait", n, more)
	}
	send("MESSAGE", "soon")
	await("one that gives up", func() bool { return c.Finals()[298] == 1 })
	send("INVITE", "cancelled")
	await("one that is cancelled", waiting(conns+more+1))
	send("CANCEL", "cancelled")
	await("its end", func() bool { return c.Finals()[487] == 1 && waiting(conns+more)() })
	asked := func() (n int, last string) {
		mu.Lock()
		defer mu.Unlock()
		return len(order), order[len(order)-1]
	}
	release <- struct{}{}
	await("the first that waited", func() bool { n, _ := asked(); return n == conns+1 })
	if _, last := asked(); last != fmt.Sprint(conns) {
		t.Errorf("%s came before it", last)
	}
	close(release)
	await("all", func() bool { return c.Finals()[299] == conns+more && waiting(0)() })
	if most.Load() != conns {
		t.Errorf("%d requests at once", most.Load())
	}
	if n, _ := asked(); n != conns+more {
		t.Errorf("%d requests", n)
	}
}
