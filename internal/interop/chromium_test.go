package interop

// Chromium: its process, and its protocol for programs that drive it (DevTools), as much of it as
// these tests need.

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sipscript/sipscript/internal/child"
)

// npmModules is where `make browsers` puts JsSIP and SIP.js.
var npmModules = filepath.Join("..", "..", "bin", ".npm", "node_modules")

// needChromium skips the test where Chromium, JsSIP or SIP.js are missing, and fails it where that
// is not an excuse.
func needChromium(t *testing.T) string {
	t.Helper()
	if raceBuild() {
		t.Skip("browsers call once, through the binary as it is shipped")
	}
	path, err := exec.LookPath("chromium")
	if err == nil {
		_, err = os.Stat(filepath.Join(npmModules, "sip.js"))
	}
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatalf("a browser is required (SIPSCRIPT_INTEROP=required), run make browsers: %v", err)
	default:
		t.Skipf("no browser: make browsers installs one: %v", err)
	}
	return path
}

// chromium is a running browser without a window. It ends with the test.
type chromium struct {
	t     *testing.T
	conn  *websocket.Conn
	ended chan struct{} // closed when the process has been waited for

	mu      sync.Mutex
	serial  int                   // guarded by mu
	waiting map[int]chan protocol // guarded by mu: who waits for an answer
	tabs    map[string]*tab       // guarded by mu, by session
}

// protocol is a message of DevTools.
type protocol struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startChromium starts a browser whose microphone beeps, and which takes the certificate in the
// file for that of anybody.
func startChromium(t *testing.T, certificate string) *chromium {
	t.Helper()
	path := needChromium(t)
	dir := t.TempDir()
	args := []string{"--headless", "--user-data-dir=" + dir, "--remote-debugging-port=0", "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-extensions", "--disable-sync", "--disable-background-networking", "--disable-component-update", "--mute-audio",
		"--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
		"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
		"--allow-loopback-in-peer-connection", "--ignore-certificate-errors-spki-list=" + publicKeyHash(t, certificate)}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // which root can't have
	}
	cmd := exec.Command(path, append(args, "about:blank")...)
	out := newLines()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	wait, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c := &chromium{t: t, ended: make(chan struct{}), waiting: map[int]chan protocol{}, tabs: map[string]*tab{}}
	go func() { <-wait; close(c.ended) }() // ends with the process
	t.Cleanup(func() { c.stop(cmd) })
	line, ok := out.awaitOr(c.ended, 0, "DevTools listening on ")
	if !ok {
		t.Fatalf("chromium does not start:\n%s", tail(out.text(), 40))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, url, _ := strings.Cut(line, "listening on ")
	if c.conn, _, err = websocket.Dial(ctx, url, nil); err != nil {
		t.Fatal(err)
	}
	c.conn.SetReadLimit(16 << 20)
	go c.read()
	return c
}

// publicKeyHash is what the browser pins.
func publicKeyHash(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s has no certificate", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (c *chromium) stop(cmd *exec.Cmd) {
	if c.conn != nil {
		_ = c.conn.CloseNow()
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-c.ended
		c.t.Error("chromium did not end by itself")
	}
}

// read hands out what the browser says; it ends with the connection.
func (c *chromium) read() {
	for {
		_, text, err := c.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m protocol
		if json.Unmarshal(text, &m) != nil {
			continue
		}
		c.mu.Lock()
		to, of := c.waiting[m.ID], c.tabs[m.SessionID]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		switch {
		case m.ID != 0 && to != nil:
			to <- m
		case of != nil && (m.Method == "Runtime.consoleAPICalled" || m.Method == "Runtime.exceptionThrown"):
			fmt.Fprintf(of.console, "%s\n", sayings(m.Params))
		}
	}
}

// sayings are the texts of a line of the console, or of an exception.
func sayings(params json.RawMessage) string {
	var p struct {
		Args []struct {
			Value       any    `json:"value"`
			Description string `json:"description"`
		} `json:"args"`
		ExceptionDetails any `json:"exceptionDetails"`
	}
	_ = json.Unmarshal(params, &p)
	var out []string
	for _, a := range p.Args {
		if a.Description != "" {
			out = append(out, a.Description)
		} else {
			out = append(out, fmt.Sprint(a.Value))
		}
	}
	if p.ExceptionDetails != nil {
		out = append(out, fmt.Sprint(p.ExceptionDetails))
	}
	return strings.Join(out, " ")
}

// do has the browser, or a tab of it, carry out a command.
func (c *chromium) do(session, method string, params any, result any) error {
	answer := make(chan protocol, 1)
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.serial++
	m := protocol{ID: c.serial, SessionID: session, Method: method, Params: raw}
	c.waiting[m.ID] = answer
	c.mu.Unlock()
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, text); err != nil {
		return err
	}
	select {
	case a := <-answer:
		if a.Error != nil {
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-c.ended:
		return fmt.Errorf("%s: the browser ended", method)
	case <-ctx.Done():
		return fmt.Errorf("%s: no answer within %s", method, patience)
	}
}

// tab is one page.
type tab struct {
	t       *testing.T
	c       *chromium
	session string
	console *lines
}

// open opens a page, in a tab of its own, and waits until it says that it is ready.
func (c *chromium) open(url string) *tab {
	c.t.Helper()
	return c.openUntil(url, "window.ready === true")
}

// openUntil opens a page and waits until an expression is true in it.
func (c *chromium) openUntil(url, ready string) *tab {
	c.t.Helper()
	var target struct {
		TargetID string `json:"targetId"`
	}
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	err := c.do("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	if err == nil {
		err = c.do("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	}
	p := &tab{t: c.t, c: c, session: attached.SessionID, console: newLines()}
	c.mu.Lock()
	c.tabs[p.session] = p
	c.mu.Unlock()
	for _, method := range []string{"Runtime.enable", "Page.enable"} {
		if err == nil {
			err = c.do(p.session, method, struct{}{}, nil)
		}
	}
	if err == nil {
		err = c.do(p.session, "Page.navigate", map[string]any{"url": url}, nil)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("the console of %s:\n%s", url, tail(p.console.text(), 60))
		}
	})
	eventually(c.t, "the page is loaded", func() bool { return p.eval(ready) == true })
	return p
}

// eval has the page work out an expression, waits for what it promises, and returns its value.
func (p *tab) eval(expression string) any {
	p.t.Helper()
	var v any
	p.evalInto(expression, &v)
	return v
}

// evalInto is eval for values of a known form.
func (p *tab) evalInto(expression string, v any) {
	p.t.Helper()
	var out struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		ExceptionDetails *struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := p.c.do(p.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out)
	if err == nil && out.ExceptionDetails != nil {
		err = fmt.Errorf("%s %s", out.ExceptionDetails.Text, out.ExceptionDetails.Exception.Description)
	}
	if err == nil && len(out.Result.Value) > 0 {
		err = json.Unmarshal(out.Result.Value, v)
	}
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", expression, err, tail(p.console.text(), 40))
	}
}
