// Package page is the page that a running server shows its operator, at / of the admin interface:
// calls in progress and recent ones with their ladders, registrations, destinations, generations of
// the script, bans, and plots of the last minutes.
//
// It is plain HTML, CSS and JavaScript, embedded as it is in the directory assets. Nothing is
// built, and nothing is fetched from elsewhere. What it shows it asks the API for, with the token
// of whoever looks at it; [Live] is the stream of samples behind the plots. The files themselves
// contain no secrets, so they need no token.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

//go:embed assets
var assets embed.FS

// policy lets the page use what comes from the same server and nothing else, and lets no other page
// have it in a frame (CSP level 3).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// types are Content-Types by extension; those that the system knows may be others.
var types = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// file is one of the page's files.
type file struct {
	text        []byte
	kind, entag string // Content-Type and ETag
}

// Handler serves the page at / and its files below /assets/.
func Handler() (http.Handler, error) {
	mux := http.NewServeMux()
	err := fs.WalkDir(assets, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		kind := types[path.Ext(name)]
		if kind == "" {
			return fmt.Errorf("page: %s: no known type", name)
		}
		sum := sha256.Sum256(text)
		f := &file{text, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
		if path.Base(name) == "index.html" {
			mux.Handle("GET /{$}", f)
		} else {
			mux.Handle("GET /"+name, f)
		}
		return nil
	})
	return mux, err
}

func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // with the ETag: a new version is seen at once
	h.Set("ETag", f.entag)
	if r.Header.Get("If-None-Match") == f.entag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	_, _ = w.Write(f.text)
}
