package interop

// A browser as JsSIP and SIP.js make one: a WebSocket of subprotocol sip, names under .invalid in
// Via and Contact (RFC 7118 §5), and nothing that listens.

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/emiago/sipgo/sip"
)

type browser struct {
	t      *testing.T
	scheme string // "ws" or "wss"
	user   string
	host   string // "….invalid"
	gruu   string // what its Contact says instead of that, once it has one; see registerAs
	conn   *websocket.Conn

	requests  chan *sip.Request
	responses chan *sip.Response
}

// openBrowser connects to the server's listener for the scheme; it is closed with the test.
func openBrowser(t *testing.T, s *server, scheme, user string, conf *tls.Config) *browser {
	t.Helper()
	b := &browser{t: t, scheme: scheme, user: user, host: strings.ToLower(sip.GenerateTagN(12)) + ".invalid",
		requests: make(chan *sip.Request, 100), responses: make(chan *sip.Response, 100)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, scheme+"://"+s.addrs[scheme], &websocket.DialOptions{Subprotocols: []string{"sip"},
		HTTPHeader: http.Header{"Origin": {"https://phone.example.com"}}, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}})
	if err != nil {
		t.Fatal(err)
	}
	if conn.Subprotocol() != "sip" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	b.conn = conn
	t.Cleanup(func() { _ = conn.CloseNow() })
	go b.read()
	return b
}

// read ends with the connection.
func (b *browser) read() {
	parser := sip.NewParser()
	for {
		_, text, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		m, err := parser.ParseSIP(text)
		if err != nil {
			b.t.Errorf("%s got %q: %v", b.user, text, err)
			continue
		}
		switch m := m.(type) {
		case *sip.Request:
			b.requests <- m
		case *sip.Response:
			b.responses <- m
		}
	}
}

func (b *browser) write(text string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		b.t.Fatalf("%s: %v", b.user, err)
	}
}

// leave closes the connection as a page that is closed does, and waits until the server, which has
// no other one, knows.
func (b *browser) leave(s *server) {
	b.t.Helper()
	// Whether it or read gets the server's close frame is chance
	_ = b.conn.Close(websocket.StatusGoingAway, "")
	eventually(b.t, "the connection is gone", func() bool { return s.metric("sipscript_transport_connections") == 0 })
}

func (b *browser) contact() string {
	if b.gruu != "" {
		return "<" + b.gruu + ">"
	}
	return fmt.Sprintf("<sip:%s@%s;transport=ws>", b.user, b.host)
}

// dialog is what the requests of one Call-ID have in common, seen from the browser.
type dialog struct {
	b                 *browser
	id, from, to, uri string // From and To are header values
	routes            []string
	sequence          int
	branch            string
}

func (b *browser) dialog(uri string) *dialog {
	return &dialog{b: b, id: sip.GenerateTagN(20), uri: uri, to: "<" + uri + ">",
		from: fmt.Sprintf("<sip:%s@example.com>;tag=%s", b.user, sip.GenerateTagN(10))}
}

// send writes a request; ACK and CANCEL have the INVITE's number, and CANCEL its branch.
func (d *dialog) send(method string, headers ...string) {
	d.b.t.Helper()
	switch method {
	case "CANCEL":
	case "ACK":
		d.branch = sip.GenerateBranch()
	default:
		d.sequence++
		d.branch = sip.GenerateBranch()
	}
	lines := []string{fmt.Sprintf("%s %s SIP/2.0", method, d.uri), fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s", strings.ToUpper(d.b.scheme), d.b.host, d.branch),
		"Max-Forwards: 69", "From: " + d.from, "To: " + d.to, "Call-ID: " + d.id, fmt.Sprintf("CSeq: %d %s", d.sequence, method),
		"Supported: path,gruu,outbound", "User-Agent: browser"}
	for _, r := range d.routes {
		lines = append(lines, "Route: "+r)
	}
	lines = append(lines, headers...)
	d.b.write(strings.Join(append(lines, "Content-Length: 0"), "\r\n") + "\r\n\r\n")
}

// final waits for a final response to the dialog's last request and requires the code.
func (d *dialog) final(code int) *sip.Response {
	d.b.t.Helper()
	for {
		res := d.b.response()
		if res.CallID().Value() != d.id || res.IsProvisional() || int(res.CSeq().SeqNo) != d.sequence {
			continue
		}
		if res.StatusCode != code {
			d.b.t.Fatalf("%s: answered %d %s, want %d", d.b.user, res.StatusCode, res.Reason, code)
		}
		return res
	}
}

func (b *browser) response() *sip.Response {
	b.t.Helper()
	return take(b, b.responses, "response")
}

// request waits for a request of the method.
func (b *browser) request(method sip.RequestMethod) *sip.Request {
	b.t.Helper()
	r := take(b, b.requests, string(method))
	if r.Method != method {
		b.t.Fatalf("%s: got %s, not %s", b.user, r.StartLine(), method)
	}
	return r
}

func take[T any](b *browser, from chan T, what string) (v T) {
	b.t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		b.t.Fatalf("%s: no %s came", b.user, what)
	}
	return v
}

func (b *browser) register() {
	b.t.Helper()
	d := b.dialog("sip:example.com")
	d.to = fmt.Sprintf("<sip:%s@example.com>", b.user)
	d.send("REGISTER", fmt.Sprintf(`Contact: %s;reg-id=1;+sip.instance="<urn:uuid:%s>";expires=600`, b.contact(), sip.GenerateTagN(8)))
	d.final(200)
}

// reply answers a request.
func (b *browser) reply(r *sip.Request, code int, tag string) {
	b.t.Helper()
	res := sip.NewResponseFromRequest(r, code, "", nil)
	if tag != "" {
		res.To().Params.Add("tag", tag)
	}
	res.AppendHeader(sip.NewHeader("Contact", b.contact()))
	b.write(res.String())
}

// established makes the dialog of a 2xx: remote tag, target and route set (§12.1.2).
func (d *dialog) established(res *sip.Response) {
	d.to, d.uri = res.To().Value(), res.Contact().Address.String()
	for _, rr := range slices.Backward(res.GetHeaders("Record-Route")) {
		d.routes = append(d.routes, rr.Value())
	}
}

// answeredWith makes the dialog of an INVITE that was answered with a tag (§12.1.1).
func (b *browser) answeredWith(r *sip.Request, tag string) *dialog {
	d := &dialog{b: b, id: r.CallID().Value(), from: r.To().Value() + ";tag=" + tag, to: r.From().Value(), uri: r.Contact().Address.String()}
	for _, rr := range r.GetHeaders("Record-Route") {
		d.routes = append(d.routes, rr.Value())
	}
	return d
}
