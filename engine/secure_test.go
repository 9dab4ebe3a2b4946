package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// A whole call over real sockets: from a client on TLS to a browser, which registered over WSS and
// can only be reached on its own connection (RFC 7118 §5).
func TestCallFromTLSToBrowser(t *testing.T) {
	var browser transport.FlowID // the engine has one lane, which is its owner
	cert := selfSigned(t)
	eng, err := engine.New(engine.Config{
		Listen: []string{"tls:127.0.0.1:0", "wss:127.0.0.1:0"}, Lanes: 1, Domains: []string{"example.com"}, MaxDelay: -1,
		Transport: transport.Options{TLS: transport.TLSOptions{Load: func() (*transport.TLSMaterial, error) {
			return &transport.TLSMaterial{Certificates: []tls.Certificate{cert}}, nil
		}}},
		Router: routerFunc(func(r *engine.Request) error {
			if r.Method() == message.MethodRegister {
				browser = r.Flow()
				_, err := r.Reply(200, "", nil)
				return err
			}
			if err := r.RecordRoute(); err != nil {
				return err
			}
			_, err := r.Relay([]*engine.Target{{URI: "sip:bob@b0b.invalid;transport=ws", Flow: browser}}, nil)
			return err
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer func() {
		cancel() // what is still waited for need not be
		_ = eng.Shutdown(ctx)
	}()

	conf := &tls.Config{RootCAs: x509.NewCertPool()}
	conf.RootCAs.AddCert(cert.Leaf)
	web := &http.Transport{TLSClientConfig: conf}
	defer web.CloseIdleConnections()
	bob, _, err := websocket.Dial(ctx, "wss://"+eng.Locals()[1].Addr.String(), &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: web}})
	if err != nil {
		t.Fatal(err)
	}
	defer bob.CloseNow()
	alice, err := tls.Dial("tcp", eng.Locals()[0].Addr.String(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	alice.SetDeadline(time.Now().Add(patience))
	lines := bufio.NewReader(alice)

	bobSays := func(text []byte) {
		t.Helper()
		if err := bob.Write(ctx, websocket.MessageText, text); err != nil {
			t.Fatal(err)
		}
	}
	bobHears := func(first string) *message.Message {
		t.Helper()
		_, b, err := bob.Read(ctx)
		if err != nil || !bytes.HasPrefix(b, []byte(first)) {
			t.Fatalf("%v\n%s", err, b)
		}
		return parse(t, string(b))
	}
	aliceSays := func(method string, cseq int, route string) {
		t.Helper()
		tag := ""
		if route != "" {
			tag = ";tag=b"
		}
		if _, err := fmt.Fprintf(alice, "%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TLS a.invalid;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n%sFrom: <sip:alice@example.com>;tag=a\r\n"+
			"To: <sip:bob@example.com>%s\r\nCall-ID: 1\r\nCSeq: %d %s\r\nContact: <sips:alice@127.0.0.1>\r\nContent-Length: 0\r\n\r\n",
			method, method, route, tag, cseq, method); err != nil {
			t.Fatal(err)
		}
	}
	aliceHears := func(status string) string {
		t.Helper()
		for {
			var b strings.Builder
			for !strings.HasSuffix(b.String(), "\r\n\r\n") {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatal(err, b.String())
				}
				b.WriteString(line)
			}
			if got := b.String(); strings.HasPrefix(got, "SIP/2.0 "+status) {
				return got
			} else if !strings.HasPrefix(got, "SIP/2.0 100") {
				t.Fatal(got)
			}
		}
	}

	// As RFC 7118 §8 has it: no Content-Length, a name nobody can resolve.
	bobSays([]byte("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/WSS b0b.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=r\r\n" +
		"To: <sip:bob@example.com>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:bob@b0b.invalid;transport=ws>\r\n\r\n"))
	bobHears("SIP/2.0 200")
	aliceSays("INVITE", 1, "")
	invite := bobHears("INVITE sip:bob@b0b.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WSS 127.0.0.1:")
	for _, code := range []int{180, 200} {
		bobSays(message.AppendResponse(nil, invite, code, "", "b", []byte("Contact: <sip:bob@b0b.invalid;transport=ws>\r\n"), nil))
	}
	aliceHears("180")
	ok := aliceHears("200")
	var routes []string // in reverse, as the caller's (§12.1.2)
	for line := range strings.SplitSeq(ok, "\r\n") {
		if rr, found := strings.CutPrefix(line, "Record-Route: "); found {
			routes = append([]string{"Route: " + rr + "\r\n"}, routes...)
		}
	}
	if len(routes) == 0 {
		t.Fatalf("not record-routed:\n%s", ok)
	}
	route := strings.Join(routes, "")
	aliceSays("ACK", 1, route)
	bobHears("ACK ")
	aliceSays("BYE", 2, route)
	bobSays(message.AppendResponse(nil, bobHears("BYE "), 200, "", "", nil, nil))
	aliceHears("200")
	// The browser is gone: said at once, connected to it is not.
	if err := bob.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	aliceSays("MESSAGE", 3, "")
	aliceHears("480")
	if s := eng.Stats().Transport; s["tls"].MessagesIn != 4 || s["wss"].MessagesIn != 4 || s["wss"].BadFrames != 0 {
		t.Errorf("%+v", s)
	}
}

// selfSigned is a certificate for 127.0.0.1 that vouches for itself.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
