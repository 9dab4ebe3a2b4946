// Relay is a proxy written on sipgo, in the manner of the example proxy of that library: REGISTER
// keeps a contact in a map, and every other request is sent on through a client transaction, with
// Record-Route and one goroutine that carries the responses back. It is a contender of bench/macro:
// what a proxy costs that is made of a user agent library. It is not a complete proxy (no timer C,
// no loop detection, no forking).
//
//	go run ./bench/relay -listen 127.0.0.1:5060
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:5060", "where to listen")
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(listen string) error {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	ua, err := sipgo.NewUA()
	if err != nil {
		return err
	}
	srv, err := sipgo.NewServer(ua)
	if err != nil {
		return err
	}
	client, err := sipgo.NewClient(ua, sipgo.WithClientHostname(host), sipgo.WithClientPort(port))
	if err != nil {
		return err
	}
	p := &proxy{client: client, self: listen, contacts: map[string]string{}}
	srv.OnRegister(p.register)
	srv.OnInvite(p.relay)
	srv.OnBye(p.relay)
	srv.OnAck(p.ack)
	return srv.ListenAndServe(context.Background(), "udp", listen)
}

// proxy knows who is where.
type proxy struct {
	client *sipgo.Client
	self   string

	mu       sync.RWMutex
	contacts map[string]string // user → host:port; guarded by mu
}

func (p *proxy) register(req *sip.Request, tx sip.ServerTransaction) {
	contact := req.Contact()
	if contact == nil || req.To() == nil {
		reply(req, tx, 400, "Bad Request")
		return
	}
	p.mu.Lock()
	p.contacts[req.To().Address.User] = contact.Address.HostPort()
	p.mu.Unlock()
	reply(req, tx, 200, "OK")
}

func reply(req *sip.Request, tx sip.ServerTransaction, code int, reason string) {
	res := sip.NewResponseFromRequest(req, code, reason, nil)
	res.SetDestination(req.Source())
	_ = tx.Respond(res)
}

// destination is where a request goes: to the registered contact, or, in a dialog, to its
// Request-URI, after our Route was taken off.
func (p *proxy) destination(req *sip.Request) string {
	if route := req.Route(); route != nil && route.Address.HostPort() == p.self {
		req.RemoveHeader("Route")
		return req.Recipient.HostPort()
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.contacts[req.Recipient.User]
}

func (p *proxy) relay(req *sip.Request, tx sip.ServerTransaction) {
	to := p.destination(req)
	if to == "" {
		reply(req, tx, 404, "Not Found")
		return
	}
	req.SetDestination(to)
	options := []sipgo.ClientRequestOption{sipgo.ClientRequestAddVia, sipgo.ClientRequestDecreaseMaxForward}
	if req.IsInvite() {
		options = append(options, sipgo.ClientRequestAddRecordRoute)
		reply(req, tx, 100, "Trying")
	}
	branch, err := p.client.TransactionRequest(context.Background(), req, options...)
	if err != nil {
		reply(req, tx, 500, "Server Internal Error")
		return
	}
	defer branch.Terminate()
	for {
		select {
		case res, more := <-branch.Responses():
			if !more {
				return
			}
			res.SetDestination(req.Source())
			res.RemoveHeader("Via")
			if err := tx.Respond(res); err != nil || res.StatusCode >= 200 {
				return
			}
		case <-branch.Done():
			return
		case <-tx.Done():
			return
		}
	}
}

func (p *proxy) ack(req *sip.Request, _ sip.ServerTransaction) {
	if to := p.destination(req); to != "" {
		req.SetDestination(to)
		_ = p.client.WriteRequest(req, sipgo.ClientRequestAddVia)
	}
}
