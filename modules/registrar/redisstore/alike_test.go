//go:build unix

package redisstore

// This file tests that all stores are alike: a random story of registrations has the same outcome
// in each, whoever stops and comes back meanwhile.

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/sqlitestore"
)

type everywhere struct{}

func (everywhere) IsLocal(string, uint16) bool { return true }

// alike are registrars on stores of all kinds.
type alike struct {
	t    *testing.T
	rand *rand.Rand
	now  time.Time
	path string
	reg  map[string]*registrar.Registrar
	two  [2]*Store // behind "redis"
}

func policy() registrar.Policy {
	p := registrar.DefaultPolicy()
	p.MaxContacts, p.AtLimit = 4, "replace"
	return p
}

func (a *alike) on(name string, s registrar.Store) {
	a.reg[name] = luabindtest.Must(registrar.New(registrar.Options{Store: s, Policy: policy()}))
}

func (a *alike) openFile() {
	a.t.Helper()
	s, err := sqlitestore.Open(a.path, sqlitestore.Options{Now: func() time.Time { return a.now }})
	if err != nil {
		a.t.Fatal(err)
	}
	a.on("file", s)
}

// request is a random REGISTER: few users, addresses, instances and flows, so that they meet.
func (a *alike) request() string {
	pick := func(list ...string) string { return list[a.rand.IntN(len(list))] }
	user := pick("a", "b")
	var b strings.Builder
	fmt.Fprintf(&b, "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\nTo: <sip:%s@h>\r\nFrom: <sip:%s@h>;tag=1\r\n", a.rand.Int(), user, user)
	fmt.Fprintf(&b, "Call-ID: %d\r\nCSeq: %d REGISTER\r\nSupported: outbound, path\r\n", a.rand.IntN(9), 1+a.rand.IntN(9))
	if a.rand.IntN(30) == 0 {
		b.WriteString("Contact: *\r\nExpires: 0\r\n")
	} else {
		for range 1 + a.rand.IntN(5)/4 {
			fmt.Fprintf(&b, "Contact: <sip:%s@192.0.2.%d%s>%s%s%s;expires=%s\r\n", user, 1+a.rand.IntN(2), pick("", "", ";line=1", ";line=2"),
				pick("", "", ";q=0.5"), pick("", `;+sip.instance="<urn:uuid:1>"`, `;+sip.instance="<urn:uuid:2>"`), pick("", "", ";reg-id=1", ";reg-id=2"),
				pick("0", "60", "120", "600", "600", "3600", "3600", "59"))
		}
	}
	b.WriteString(pick("", "Path: <sip:edge.example.com;lr>\r\n") + "Content-Length: 0\r\n\r\n")
	return b.String()
}

// outcome is what a registrar answers and then has, as text.
func (a *alike) outcome(r *registrar.Registrar, text string) string {
	m := new(message.Message)
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		a.t.Fatal(err)
	}
	from := registrar.Origin{Source: netip.MustParseAddrPort("203.0.113.7:1024"), Transport: transport.UDP, Socket: "udp:198.51.100.1:5060"}
	res := r.Process(a.t.Context(), m, &from, everywhere{}, a.now)
	for _, s := range a.two { // a question that is answered comes after all that was told before it
		if _, err := s.Count(a.t.Context()); err != nil {
			a.t.Fatal(err)
		}
	}
	return fmt.Sprintf("%d %s %v\n", res.Code, res.Reason, res.Headers) + a.has(r, a.now)
}

func (a *alike) has(r *registrar.Registrar, at time.Time) (text string) {
	for _, user := range []string{"sip:a@h", "sip:b@h"} {
		u, _ := message.ParseURI([]byte(user))
		list, err := r.Bindings(a.t.Context(), &u, at)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, b := range list {
			record := b.Record()
			record.Expires, record.Updated = record.Expires.UTC(), record.Updated.UTC()
			text += fmt.Sprintf("%s %+v\n", user, record)
		}
	}
	return text
}

// swept sweeps half a minute later, which is between the ends of bindings, and checks the count
// against what there is.
func (a *alike) swept(name string, r *registrar.Registrar) {
	at := a.now.Add(30 * time.Second)
	if err := r.Sweep(a.t.Context(), at); err != nil {
		a.t.Fatal(name, err)
	}
	want := strings.Count(a.has(r, at), "\n")
	if n, err := r.Count(a.t.Context()); n != want || err != nil {
		a.t.Fatalf("%s counts %d (%v), and there are %d:\n%s", name, n, err, want, a.has(r, at))
	}
}

func TestStoresAreAlike(t *testing.T) {
	server := redistest.Start(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	a := &alike{t: t, rand: rand.New(rand.NewPCG(seed, 0)), now: time.Now().Truncate(time.Minute), path: filepath.Join(t.TempDir(), "location.db"), reg: map[string]*registrar.Registrar{}}
	a.on("memory", registrar.NewMemory())
	a.openFile()
	a.two = [2]*Store{open(t, server.URL, Options{}), open(t, server.URL, Options{})}
	a.on("redis", a.two[0])
	a.on("redis elsewhere", a.two[1])
	told := ""
	for i := range 600 {
		a.now = a.now.Add(time.Duration(a.rand.IntN(4)/2) * time.Minute)
		text := a.request()
		want := a.outcome(a.reg["memory"], text)
		node := []string{"redis", "redis elsewhere"}[i&1]
		for _, name := range []string{"file", node} {
			if got := a.outcome(a.reg[name], text); got != want {
				t.Fatalf("request %d, %s:\n%s\nhas\n%s\nand memory\n%s\nbefore\n%s", i, name, text, got, want, told)
			}
		}
		told = want
		switch a.rand.IntN(10) {
		case 0:
			for name, r := range a.reg {
				a.swept(name, r)
			}
		case 1:
			if err := a.reg["file"].Close(); err != nil {
				t.Fatal(err)
			}
			a.openFile()
		}
	}
	if err := a.reg["file"].Close(); err != nil {
		t.Fatal(err)
	}
}
