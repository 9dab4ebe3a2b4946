package registrar

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// nobody routes nothing.
type nobody struct{}

func (nobody) Route(r *engine.Request) error {
	_, err := r.Reply(404, "", nil)
	return err
}

// Other nodes are told a listener that is there: when it leaves, another one. What they were told
// before is understood, whether it comes from the store or with a request.
func TestNodeFollowsListeners(t *testing.T) {
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Router: nobody{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Shutdown(ctx)
	})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	n := newNode(e)
	at := func(text string) string { // the end of the entries of a listener that is added
		t.Helper()
		l, err := e.AddListener(text, "")
		if err != nil {
			t.Fatal(err)
		}
		return hostOf(l)
	}
	remove := func(name string) {
		t.Helper()
		if _, err := e.RemoveListener(name, 0); err != nil {
			t.Fatal(err)
		}
	}
	first := "udp:" + e.Locals()[0].Addr.String()
	hosts := []string{hostOf(e.Locals()[0])}
	before, token := published(t, n)
	tcp := at("tcp:127.0.0.1:0")
	for i, row := range []struct {
		name   string
		change func()
		want   func() string
	}{
		{"another protocol", func() {}, func() string { return hosts[0] }},
		{"only that is left", func() { remove(first) }, func() string { return tcp }},
		{"a better one comes while it is there", func() { hosts = append(hosts, at("udp:127.0.0.1:0")) }, func() string { return tcp }},
		{"and then it leaves", func() { remove("tcp:" + strings.TrimSuffix(tcp, ";transport=tcp;lr")) }, func() string { return hosts[1] }},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.change()
			r, _ := published(t, n)
			if got := r.Path[0]; !strings.HasSuffix(got, "@"+row.want()+">") {
				t.Errorf("%d: %s, want one at %s", i, got, row.want())
			}
			if n.Adopt(&r); r.Path != nil || r.Flow != 70000 {
				t.Errorf("its own is not adopted: %+v", r)
			}
			old := before
			if n.Adopt(&old); old.Path != nil || old.Flow != 70000 || old.Received != "tcp:192.0.2.7:1024" {
				t.Errorf("that of before is not adopted: %+v", old)
			}
			if w, ok := n.read(token); !ok || w.flow != 70000 {
				t.Errorf("the token of before is not understood: %+v", w)
			}
			moved := Record{Path: []string{"<sip:" + token + "@" + n.host() + ">"}}
			if n.Adopt(&moved); n.host() != hosts[0] && moved.Path == nil {
				t.Error("a token is taken at an address that it was not made for")
			}
		})
	}
}

// A token is compared with few addresses, however many listeners come and go.
func TestNodeRemembersFewHosts(t *testing.T) {
	n := newTestNode("192.0.2.1:5060", 1)
	var locals []*transport.Local
	n.locals = func() []*transport.Local { return locals }
	for i := range 3 * mostHosts {
		l := &transport.Local{Kind: transport.UDP, SentBy: fmt.Sprint("192.0.2.1:", 6000+i)}
		locals = []*transport.Local{l}
		if hosts := n.hosts(); hosts[0] != hostOf(l) || len(hosts) > mostHosts {
			t.Fatalf("%d: %q", i, hosts)
		}
	}
}
