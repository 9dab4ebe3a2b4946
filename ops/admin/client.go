package admin

// The client of the admin interface, with which `sipscript reload` and `status` query a running
// server.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds how much a client reads, in bytes.
const maxAnswer = 16 << 20

// Refused is the error of a reload that the server refused; Text is the script's error.
type Refused struct{ Text string }

func (e *Refused) Error() string { return e.Text }

// Client queries the server at Addr.
type Client struct {
	Addr    string         // host:port, or https://host:port
	Token   string         // "" for none
	Roots   *x509.CertPool // of authorities that vouch for the server; nil: those of the system
	Timeout time.Duration  // default 70 s, longer than a server takes to answer
}

// Reload orders a reload and returns the generation that serves now.
func (c *Client) Reload(ctx context.Context) (generation int, err error) {
	text, code, err := c.do(ctx, http.MethodPost, "/reload", nil)
	if err != nil {
		return 0, err
	}
	var got struct {
		Generation int    `json:"generation"`
		Error      string `json:"error"`
	}
	if err := json.Unmarshal(text, &got); err != nil || code != http.StatusOK && got.Error == "" {
		return 0, c.strange(code, text)
	}
	if code != http.StatusOK {
		return 0, &Refused{got.Error}
	}
	return got.Generation, nil
}

// Status returns the server's status as the JSON text it sent.
func (c *Client) Status(ctx context.Context) ([]byte, error) {
	text, code, err := c.do(ctx, http.MethodGet, "/status", nil)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK || !json.Valid(text) {
		return nil, c.strange(code, text)
	}
	return text, nil
}

// Asker requests paths of the API, "/api/v1/…". The error of an answer that is not a 2xx is its
// "error".
func (c *Client) Asker(ctx context.Context) func(method, path string, body io.Reader) ([]byte, error) {
	return func(method, path string, body io.Reader) ([]byte, error) {
		text, code, err := c.do(ctx, method, path, body)
		if err != nil || code/100 == 2 {
			return text, err
		}
		var got struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(text, &got) != nil || got.Error == "" {
			return nil, c.strange(code, text)
		}
		return nil, errors.New(got.Error)
	}
}

func (c *Client) do(ctx context.Context, method, path string, content io.Reader) (body []byte, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	res, err := c.send(ctx, method, path, content)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if len(body) > maxAnswer {
		return nil, 0, fmt.Errorf("the answer is longer than %d MiB: ask for less, with --limit where there is one", maxAnswer>>20)
	}
	return body, res.StatusCode, err
}

// send sends a request. The caller closes the body of the response.
func (c *Client) send(ctx context.Context, method, path string, content io.Reader) (*http.Response, error) {
	base := c.Addr
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	r, err := http.NewRequestWithContext(ctx, method, base+path, content)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	// The server is on this machine or near: never by way of a proxy of the environment.
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: c.Roots}}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		var inner interface{ Unwrap() error }
		if errors.As(err, &inner) { // without the method and URL that net/http puts in front
			err = inner.Unwrap()
		}
		return nil, fmt.Errorf("no answer from a server at %s: %w; is a server running with --admin %s?", c.Addr, err, c.Addr)
	}
	return res, nil
}

func (c *Client) timeout() time.Duration {
	if c.Timeout == 0 {
		return 70 * time.Second
	}
	return c.Timeout
}

func (c *Client) strange(code int, text []byte) error {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%s answered %d %.200q: is it the --admin address of a sipscript?", c.Addr, code, line)
}
