package regevent

// This file tests the notifier with a subscriber made of sipgo, over real sockets.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const patience = 20 * time.Second // nothing waits that long; what comes is taken at once

// serving is a world without a simulation: a notifier in an engine on the loopback. It returns
// where that listens.
func serving(t *testing.T) (*world, string) {
	t.Helper()
	w := &world{t: t, book: &book{contacts: map[string][]Contact{}}}
	w.n = luabindtest.Must(New(w.book, policyOf(func(p *Policy) { p.Interval = 0 })))
	w.script = func(req *engine.Request) error { _, err := w.n.Subscribe(req, nil); return err }
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: router{w}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what is still waited for need not be
		_ = e.Shutdown(ctx)
	})
	return w, e.Locals()[0].SentBy
}

func TestSipgoSubscriber(t *testing.T) {
	w, server := serving(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ua, err := sipgo.NewUA(sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	notified := make(chan *sip.Request, 10)
	peer, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	peer.OnNotify(func(r *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(r, 200, "OK", nil))
		notified <- r
	})
	done := make(chan struct{})
	go func() { defer close(done); _ = peer.ServeUDP(listener) }() // ends when the socket is closed
	t.Cleanup(func() { _ = listener.Close(); _ = ua.Close(); <-done })
	client, err := sipgo.NewClient(ua, sipgo.WithClientLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}

	send := func(cseq uint32, uri, toTag, expires string) *sip.Response {
		t.Helper()
		var ruri, to sip.Uri
		if err := errors.Join(sip.ParseUri(uri, &ruri), sip.ParseUri(joe, &to)); err != nil {
			t.Fatal(err)
		}
		req := sip.NewRequest(sip.SUBSCRIBE, ruri)
		req.SetDestination(server)
		toHeader := &sip.ToHeader{Address: to, Params: sip.NewParams()}
		if toTag != "" {
			toHeader.Params.Add("tag", toTag)
		}
		callID := sip.CallIDHeader("sipgo-1")
		fromHeader := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: "app", Host: "example.com"}, Params: sip.NewParams()}
		fromHeader.Params.Add("tag", "app")
		req.AppendHeader(fromHeader)
		req.AppendHeader(toHeader)
		req.AppendHeader(&callID)
		req.AppendHeader(&sip.CSeqHeader{SeqNo: cseq, MethodName: sip.SUBSCRIBE})
		for name, value := range map[string]string{"Contact": "<sip:app@" + listener.LocalAddr().String() + ">", "Event": "reg", "Expires": expires} {
			req.AppendHeader(sip.NewHeader(name, value))
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		res, err := client.Do(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	told := func(state, says string) {
		t.Helper()
		select {
		case r := <-notified:
			d, err := readInfo(r.Body())
			if err != nil {
				t.Fatalf("%v in\n%s", err, r)
			}
			if got := r.GetHeader("Subscription-State").Value(); got != state || d.String() != says {
				t.Errorf("told %q %q, want %q %q", got, d, state, says)
			}
		case <-time.After(patience):
			t.Fatal("no NOTIFY")
		}
	}

	res := send(1, joe, "", "600")
	if res.StatusCode != 200 {
		t.Fatal(res)
	}
	told("active;expires=600", "0 full init []")
	w.book.mu.Lock()
	w.book.contacts[joe] = []Contact{{URI: "sip:joe@pc", CallID: "x", CSeq: 1, Updated: time.Now(), Expires: time.Now().Add(time.Hour)}}
	w.book.mu.Unlock()
	w.n.Changed(joe, "", "")
	told("active;expires=600", "1 partial active [sip:joe@pc active registered]")
	tag, _ := res.To().Params.Get("tag")
	if again := send(2, res.Contact().Address.String(), tag, "0"); again.StatusCode != 200 {
		t.Fatal(again)
	}
	told("terminated;reason=timeout", "2 full active [sip:joe@pc active registered]")
	if gone := send(3, res.Contact().Address.String(), tag, "600"); gone.StatusCode != 481 {
		t.Error(fmt.Sprint(gone))
	}
}
