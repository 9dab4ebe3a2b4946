// Package peer is a SIP phone for tests, built on sipgo: an implementation of SIP that is not ours.
// It listens on loopback on its own port, registers, calls, answers, hangs up and cancels through a
// server under test.
//
// It sends what sipgo sends; only the route set of a dialog is built here (RFC 3261 §12.1.2),
// because sipgo leaves that to its users.
package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Patience is how long a peer waits for what must arrive. It is not a delay: what arrives is
// handled at once.
const Patience = time.Minute

// Server is where a peer sends its requests: "udp", "tcp" or "tls", and host:port.
type Server struct {
	Transport, Addr string
	// For "tls": the authorities the peer trusts, and its own certificate, which it shows as a
	// server
	TLS *tls.Config
}

// Peer is one phone. Its methods fail the test when something goes wrong.
type Peer struct {
	t      testing.TB
	User   string
	Domain string
	server Server
	host   string
	port   int
	client *sipgo.Client

	// Invites delivers incoming calls. It holds 1000.
	Invites chan *Incoming
	// Acks brings the ACKs of 2xx answers.
	Acks chan *sip.Request
	// Byes brings the BYEs, which were answered 200 already.
	Byes chan *sip.Request
}

// New starts a phone of user@domain that listens over the transport it reaches its server by. It
// ends with the test.
func New(t testing.TB, user, domain string, server Server) *Peer {
	t.Helper()
	p := &Peer{t: t, User: user, Domain: domain, server: server,
		Invites: make(chan *Incoming, 1000), Acks: make(chan *sip.Request, 1000), Byes: make(chan *sip.Request, 1000)}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ua, err := sipgo.NewUA(sipgo.WithUserAgent(user), sipgo.WithUserAgentHostname(domain), sipgo.WithUserAgenTLSConfig(server.TLS),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	p.must("ua", err)
	in, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
	p.must("server", err)
	in.OnInvite(p.onInvite)
	in.OnAck(func(r *sip.Request, _ sip.ServerTransaction) { p.Acks <- r })
	in.OnBye(func(r *sip.Request, tx sip.ServerTransaction) {
		if err := tx.Respond(sip.NewResponseFromRequest(r, 200, "OK", nil)); err != nil {
			p.t.Errorf("%s: answer to BYE: %v", user, err)
		}
		p.Byes <- r
	})
	addr := p.listen(in, ua)
	options := []sipgo.ClientOption{sipgo.WithClientLogger(quiet), sipgo.WithClientHostname(p.host)}
	if server.Transport == "udp" { // the same socket sends and receives
		options = append(options, sipgo.WithClientConnectionAddr(addr), sipgo.WithClientPort(p.port))
	}
	p.client, err = sipgo.NewClient(ua, options...)
	p.must("client", err)
	return p
}

// listen opens the phone's socket and serves it until the test ends.
func (p *Peer) listen(in *sipgo.Server, ua *sipgo.UserAgent) (addr string) {
	done := make(chan struct{})
	if p.server.Transport != "udp" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		p.must("listen", err)
		p.host, p.port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
		serve := in.ServeTCP
		if p.server.Transport == "tls" {
			l, serve = tls.NewListener(l, p.server.TLS), in.ServeTLS
		}
		go func() { defer close(done); _ = serve(l) }()
		p.t.Cleanup(func() { _ = l.Close(); _ = ua.Close(); <-done })
		return l.Addr().String()
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	p.must("listen", err)
	p.host, p.port = "127.0.0.1", c.LocalAddr().(*net.UDPAddr).Port
	go func() { defer close(done); _ = in.ServeUDP(c) }()
	p.t.Cleanup(func() { _ = c.Close(); _ = ua.Close(); <-done })
	// The client finds the socket in the pool by its address: wait until ServeUDP has put it there.
	for until := time.Now().Add(Patience); ; {
		if conn, err := ua.TransportLayer().GetConnection("udp", c.LocalAddr().String()); err == nil && conn != nil {
			_, _ = conn.TryClose()
			return c.LocalAddr().String()
		}
		if time.Now().After(until) {
			p.t.Fatalf("%s: the socket is not served", p.User)
		}
		// A poll, with a deadline: sipgo does not report when it is ready
		time.Sleep(time.Millisecond)
	}
}

// Contact is the URI the phone is reached at.
func (p *Peer) Contact() sip.Uri {
	u := sip.Uri{Scheme: "sip", User: p.User, Host: p.host, Port: p.port, UriParams: sip.NewParams()}
	if p.server.Transport != "udp" {
		u.UriParams.Add("transport", p.server.Transport)
	}
	return u
}

// AOR is the phone's address of record.
func (p *Peer) AOR() sip.Uri { return sip.Uri{Scheme: "sip", User: p.User, Host: p.Domain} }

// Register registers the phone's contact and requires a 200.
func (p *Peer) Register() {
	p.t.Helper()
	r := p.request(sip.REGISTER, sip.Uri{Scheme: "sip", Host: p.Domain}, p.AOR())
	r.AppendHeader(sip.NewHeader("Expires", "3600"))
	res := p.Send(r)
	if res.StatusCode != 200 {
		p.t.Fatalf("%s: REGISTER was answered %d %s", p.User, res.StatusCode, res.Reason)
	}
}

// Request builds a request from this phone to a URI such as "sip:bob@example.com".
func (p *Peer) Request(method sip.RequestMethod, to string) *sip.Request {
	p.t.Helper()
	var u sip.Uri
	p.must("uri "+to, sip.ParseUri(to, &u))
	return p.request(method, u, u)
}

func (p *Peer) request(method sip.RequestMethod, target, to sip.Uri) *sip.Request {
	r := sip.NewRequest(method, target)
	r.SetTransport(sip.NetworkToUpper(p.server.Transport))
	r.SetDestination(p.server.Addr)
	from := &sip.FromHeader{Address: p.AOR(), Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	r.AppendHeader(from)
	r.AppendHeader(&sip.ToHeader{Address: to, Params: sip.NewParams()})
	r.AppendHeader(&sip.ContactHeader{Address: p.Contact()})
	return r
}

// Send sends a request (not INVITE) and returns its final response.
func (p *Peer) Send(r *sip.Request) *sip.Response {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	res, err := p.client.Do(ctx, r)
	p.must(fmt.Sprintf("%s %s", r.Method, r.Recipient.String()), err)
	return res
}

func (p *Peer) must(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.User, what, err)
	}
}
