package source

// Lists of HTTP servers.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

const (
	// maxWeb bounds what is read of a server, in bytes.
	maxWeb = 64 << 20
	// webTime bounds one reading.
	webTime = 30 * time.Second
)

// errSame is the error of a reading that found the list in force.
var errSame = errors.New("the list has not changed")

// webList is a list on a server.
type webList struct {
	client *clients.HTTP
	url    string // without user and password
	user   *url.Userinfo
	token  string
	name   string // of the URL, for errors
	keep   string // the file that the last good one is kept in, "" for none

	inForce webTag // guarded by List.mu
}

// webTag is what identifies one state of the list.
type webTag struct {
	Format   string `json:"format"` // "csv", "json" or "lines"
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// isWeb reports whether a text is the URL of a list on an HTTP server.
func isWeb(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// web is prepare for a server.
func web[T, V any](l *List[V], s *Spec, o *Options[T, V], read reader[T, V]) (p plan[V], err error) {
	if s.Query != "" || s.Layout != "" {
		return p, errors.New("query and layout belong to databases")
	}
	if o.Clients == nil {
		return p, errors.New("HTTP servers are not available here")
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		return p, fmt.Errorf("%s is not a URL", s.Name())
	}
	w := &webList{user: u.User, token: s.Token, name: s.Name()}
	u.User = nil
	w.url = u.String()
	w.client = o.Clients.HTTP(clients.HTTPOptions{Timeout: webTime, MaxBody: maxWeb, Conns: 2})
	l.web = w.client
	if o.Keep != "" {
		w.keep = filepath.Join(o.Keep, "lists", strings.TrimSuffix(fileName(o.Name), ".rows")+".web")
		p.kept = func() (v V, n int, at time.Time, err error) {
			tag, body, at, err := readWeb(w.keep)
			if err != nil {
				return v, 0, at, err
			}
			c, finish := read()
			if v, n, err = finish(parseWeb(c, tag.Format, w.keep, body)); err == nil {
				w.inForce = tag
			}
			return v, n, at, err
		}
	}
	p.every = s.Every
	l.read = func(ctx context.Context) (v V, n int, err error) {
		tag, body, err := w.fetch(ctx)
		if err != nil {
			return v, 0, err
		}
		c, finish := read()
		if v, n, err = finish(parseWeb(c, tag.Format, w.name, body)); err != nil {
			return v, n, err
		}
		w.inForce = tag
		return v, n, w.store(tag, body)
	}
	return p, nil
}

// fetch asks for the list.
func (w *webList) fetch(ctx context.Context) (tag webTag, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, nil)
	if err != nil {
		return tag, nil, fmt.Errorf("%s is not a URL", w.name)
	}
	r.Header.Set("User-Agent", "sipscript")
	switch {
	case w.token != "":
		r.Header.Set("Authorization", "Bearer "+w.token)
	case w.user != nil:
		password, _ := w.user.Password()
		r.SetBasicAuth(w.user.Username(), password)
	}
	if w.inForce.ETag != "" { // RFC 9110 §13.1.2
		r.Header.Set("If-None-Match", w.inForce.ETag)
	} else if w.inForce.Modified != "" { // §13.1.3
		r.Header.Set("If-Modified-Since", w.inForce.Modified)
	}
	a, err := w.client.Do(r)
	switch {
	case err != nil:
		return tag, nil, err
	case a.Status == http.StatusNotModified && w.inForce != (webTag{}):
		return tag, nil, errSame
	case a.Status == http.StatusTooManyRequests || a.Status >= 500:
		return tag, nil, fmt.Errorf("%s %w: it answers %d %s", w.name, clients.ErrAway, a.Status, http.StatusText(a.Status))
	case a.Status != http.StatusOK:
		return tag, nil, fmt.Errorf("%s: it answers %d %s", w.name, a.Status, http.StatusText(a.Status))
	}
	return webTag{formatOf(w.url, a.Header.Get("Content-Type")), a.Header.Get("ETag"), a.Header.Get("Last-Modified")}, a.Body, nil
}

// formatOf is how a list is written: by the end of its path, else by its type.
func formatOf(address, contentType string) string {
	if u, err := url.Parse(address); err == nil {
		switch strings.ToLower(path.Ext(u.Path)) {
		case ".csv":
			return "csv"
		case ".json":
			return "json"
		case ".txt":
			return "lines"
		}
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return "json"
	case kind == "text/csv":
		return "csv"
	}
	return "lines"
}

// parseWeb reads the entries of a body.
func parseWeb[T any](c *collector[T], format, name string, body []byte) error {
	c.place = func(n int) string { return fmt.Sprintf("%s:%d", name, n) }
	r := bytes.NewReader(bytes.TrimPrefix(body, []byte(byteOrderMark)))
	switch format {
	case "csv":
		return readCSV(c, r, name)
	case "json":
		return readJSON(c, r, name)
	}
	return readLines(c, r)
}

// store keeps a list: a line with its tag, and the body.
func (w *webList) store(tag webTag, body []byte) error {
	if w.keep == "" {
		return nil
	}
	k, err := newKeeper(w.keep)
	if err != nil {
		return fmt.Errorf("keeping the list: %w", err)
	}
	defer k.abandon()
	k.put(tag)
	if k.err == nil {
		_, k.err = k.f.Write(body)
	}
	return k.commit()
}

// readWeb reads what store wrote.
func readWeb(file string) (tag webTag, body []byte, at time.Time, err error) {
	f, err := os.Open(file)
	if err != nil {
		return tag, nil, at, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return tag, nil, at, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxWeb+4096))
	if err != nil {
		return tag, nil, at, err
	}
	line, body, ok := bytes.Cut(text, []byte("\n"))
	if err := json.Unmarshal(line, &tag); err != nil || !ok {
		return tag, nil, at, fmt.Errorf("%s: it was not written here", file)
	}
	return tag, body, info.ModTime(), nil
}
