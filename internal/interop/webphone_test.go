package interop

// A phone in a page of Chromium, by JsSIP or SIP.js (testdata/browser), and the server of the page.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// servePages serves the page of the tests and the libraries it needs, from an address of its own.
func servePages(t *testing.T) (origin string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join("testdata", "browser"))))
	mux.Handle("/npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(npmModules))))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// webPhone is a phone in a tab.
type webPhone struct {
	*tab
	name string
}

// in is the phone for a subtest.
func (p *webPhone) in(t *testing.T) *webPhone {
	page := *p.tab
	page.t = t
	return &webPhone{&page, p.name}
}

// webConf is what a phone of a page is told.
type webConf struct {
	Server     string   `json:"server"`
	Domain     string   `json:"domain"`
	User       string   `json:"user"`
	Password   string   `json:"password,omitempty"`
	ICEServers any      `json:"iceServers,omitempty"`
	Policy     string   `json:"policy,omitempty"`
	Codecs     []string `json:"codecs,omitempty"` // the only ones of the page: "audio/opus"
}

// phone opens a page with a phone by the library, "JsSIP" or "SIP.js".
func (c *chromium) phone(origin, library string, conf webConf) *webPhone {
	c.t.Helper()
	p := &webPhone{c.open(origin + "/page.html"), library}
	text, err := json.Marshal(conf)
	if err != nil {
		c.t.Fatal(err)
	}
	p.eval(fmt.Sprintf("open_(%q, %s)", library, text))
	return p
}

// until waits for one of the events, and returns which came.
func (p *webPhone) until(events ...string) string {
	p.t.Helper()
	text, _ := json.Marshal(events) // strings can be encoded
	got, _ := p.eval(fmt.Sprintf("phone.until(...%s)", text)).(string)
	return got
}

// does has the phone do something: "answer()", `call("sip:…")`.
func (p *webPhone) does(what string) {
	p.t.Helper()
	p.eval("phone." + what)
}

// webStats is what getStats tells of a call, added up.
type webStats struct {
	Sent, Received, Bytes, Energy float64
	Codec, Local, Remote          string // Local and Remote: the kinds of the candidates in use
	Direction, State              string
}

func (p *webPhone) stats() (s webStats) {
	p.t.Helper()
	p.evalInto("phone.stats()", &s)
	return s
}

// webDescriptions are what a page said, and what came.
type webDescriptions struct{ Local, Remote string }

func (p *webPhone) descriptions() (d webDescriptions) {
	p.t.Helper()
	p.evalInto("phone.descriptions()", &d)
	return d
}

// hears waits until the phone hears more than it has: packets, and sound in them.
func (p *webPhone) hears() webStats {
	p.t.Helper()
	before, now := p.stats(), webStats{}
	eventually(p.t, p.name+" hears something", func() bool {
		now = p.stats()
		return now.Received >= before.Received+10 && now.Bytes > before.Bytes && now.Energy > before.Energy && now.Sent > before.Sent
	})
	return now
}
