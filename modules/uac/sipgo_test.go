package uac_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	peer "github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/uac"
)

// A registrar of sipgo's, over real sockets: it challenges as icholy/digest writes challenges, and
// checks what comes back with it.

// sipgoTrunk tells of each REGISTER it accepted.
type sipgoTrunk struct {
	addr       string
	registered chan *sip.Request

	mu     sync.Mutex
	serial int             // guarded by mu
	issued map[string]bool // nonces; guarded by mu
}

const patience = time.Minute // nothing waits that long; what comes is taken at once

func newSipgoTrunk(t *testing.T) *sipgoTrunk {
	t.Helper()
	tr := &sipgoTrunk{registered: make(chan *sip.Request, 100), issued: map[string]bool{}}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ua, err := sipgo.NewUA(sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		t.Fatal(err)
	}
	server, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	server.OnRegister(func(r *sip.Request, tx sip.ServerTransaction) { _ = tx.Respond(tr.answer(r)) })
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr.addr = c.LocalAddr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = server.ServeUDP(c) }() // ends when the socket is closed
	t.Cleanup(func() { _ = c.Close(); _ = ua.Close(); <-done })
	return tr
}

func (tr *sipgoTrunk) answer(r *sip.Request) *sip.Response {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.proven(r) {
		res := sip.NewResponseFromRequest(r, 200, "OK", nil)
		res.AppendHeader(sip.NewHeader("Contact", r.GetHeader("Contact").Value()))
		tr.registered <- r
		return res
	}
	tr.serial++
	c := peer.Challenge{Realm: "trunk", Nonce: fmt.Sprintf("n%d", tr.serial), Algorithm: "SHA-256", QOP: []string{"auth"}, Opaque: "o"}
	tr.issued[c.Nonce] = true
	res := sip.NewResponseFromRequest(r, 401, "Unauthorized", nil)
	res.AppendHeader(sip.NewHeader("WWW-Authenticate", c.String()))
	c.Algorithm = "MD5"
	res.AppendHeader(sip.NewHeader("WWW-Authenticate", c.String()))
	return res
}

// proven needs tr.mu.
func (tr *sipgoTrunk) proven(r *sip.Request) bool {
	h := r.GetHeader("Authorization")
	if h == nil {
		return false
	}
	got, err := peer.ParseCredentials(h.Value())
	if err != nil || !tr.issued[got.Nonce] || got.Algorithm != "SHA-256" {
		return false
	}
	delete(tr.issued, got.Nonce)
	want, err := peer.Digest(&peer.Challenge{Realm: "trunk", Nonce: got.Nonce, Algorithm: got.Algorithm, QOP: []string{got.QOP}, Opaque: got.Opaque},
		peer.Options{Method: "REGISTER", URI: got.URI, Username: "4930", Password: "s3cret", Cnonce: got.Cnonce, Count: got.Nc})
	return err == nil && want.Response == got.Response
}

func (tr *sipgoTrunk) next(t *testing.T) *sip.Request {
	t.Helper()
	select {
	case r := <-tr.registered:
		return r
	case <-time.After(patience):
		t.Fatal("no REGISTER")
		return nil
	}
}

// idle is a Router that is never asked.
type idle struct{}

func (idle) Route(r *engine.Request) error { _, err := r.Reply(404, "", nil); return err }

// From Go, without a script: an account is registered, refreshed in time, and unregistered, at
// somebody else's registrar.
func TestSipgoRegistrar(t *testing.T) {
	tr := newSipgoTrunk(t)
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: idle{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endNow(e) })
	told := make(chan uac.Event, 100)
	u := uac.New(uac.Options{Event: func(ev uac.Event) { told <- ev }})
	account := uac.Account{Registrar: "sip:" + tr.addr, User: "4930", Password: "s3cret", Expires: 4 * time.Second}
	if err := u.Keep(e, []uac.Account{account}, uac.DefaultPolicy()); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, told, uac.EventRegistered)
	first, second := tr.next(t), tr.next(t)
	if first.CallID().Value() != second.CallID().Value() || first.CSeq().SeqNo >= second.CSeq().SeqNo {
		t.Errorf("%v %v, then %v %v", first.CallID(), first.CSeq(), second.CallID(), second.CSeq())
	}
	if c := first.Contact(); c == nil || c.Address.User != "4930" || c.Address.Port != int(e.Locals()[0].Port) {
		t.Errorf("contact %v", c)
	}
	// The answer to the second is under way
	for limit := time.Now().Add(patience); ; runtime.Gosched() {
		l := u.List()
		if len(l) == 1 && l[0].State(e.Clock().Wall()) == uac.Registered {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("%+v", l)
		}
	}
	if err := u.Keep(e, nil, uac.DefaultPolicy()); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, told, uac.EventUnregistered)
	for {
		if r := tr.next(t); r.GetHeader("Expires").Value() == "0" {
			break
		}
	}
	if len(u.List()) != 0 {
		t.Error("it is listed still")
	}
}

func wantEvent(t *testing.T, told chan uac.Event, kind string) {
	t.Helper()
	select {
	case e := <-told:
		if e.Kind != kind {
			t.Errorf("%+v, want %s", e, kind)
		}
	case <-time.After(patience):
		t.Fatalf("no %s", kind)
	}
}

// A process that stops unregisters, and waits for the answer; but not for one that doesn't come.
func TestStop(t *testing.T) {
	tr := newSipgoTrunk(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: idle{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endNow(e) })
	told := make(chan uac.Event, 100)
	u := uac.New(uac.Options{Event: func(ev uac.Event) { told <- ev }})
	account := uac.Account{Registrar: "sip:" + tr.addr, User: "4930", Password: "s3cret"}
	if err := u.Keep(e, []uac.Account{account}, uac.DefaultPolicy()); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, told, uac.EventRegistered)
	tr.next(t)
	if err := u.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	wantEvent(t, told, uac.EventUnregistered)
	if r := tr.next(t); r.GetHeader("Expires").Value() != "0" {
		t.Errorf("Expires: %s", r.GetHeader("Expires").Value())
	}
	if err := u.Keep(e, []uac.Account{account}, uac.DefaultPolicy()); err != nil || len(u.List()) != 0 {
		t.Errorf("%v, kept after the end: %v", err, u.List())
	}

	u = uac.New(uac.Options{})
	account.Registrar = "sip:" + silent.LocalAddr().String()
	if err := u.Keep(e, []uac.Account{account}, uac.DefaultPolicy()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := silent.ReadFrom(make([]byte, 65536)); err != nil { // the REGISTER is under way
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := u.Stop(ctx); err == nil {
		t.Error("there was no answer, and no error")
	}
}

// endNow ends an engine without waiting for its transactions.
func endNow(e *engine.Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.Shutdown(ctx)
}
