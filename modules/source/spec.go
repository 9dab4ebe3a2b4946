package source

// Where a list comes from.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

// Spec says where a list comes from: one of URL, Entries and Func.
type Spec struct {
	URL   string // "file:PATH", or of a database or an HTTP server
	Query string // of a database: instead of the module's own
	// Of a database: whose tables it has, "kamailio" or "opensips"; "" for our own
	Layout string
	Every  time.Duration // how often a database or a server is read, default a minute
	Token  string        // of a server: "Authorization: Bearer …"
	// Domain says, for layouts with users, whether the domain is part of a user's name; nil: it is.
	Domain *bool

	Entries any // []any or map[string]any, as luabind copies a table
	Func    func(ctx context.Context) (any, error)
}

// defaultEvery is how often a database is read.
const defaultEvery = time.Minute

// ErrSpec is the error, wrapped, of a value that does not name a source.
var ErrSpec = errors.New(`expected a table, a function, "file:PATH", or the URL of a database or of an HTTP server`)

// SpecOf reads what a script gives: a string, a table with a url, or a table of entries. isURL
// reports whether a string is the URL of a database; if nil, none is.
func SpecOf(value any, isURL func(text string) bool) (Spec, error) {
	switch v := value.(type) {
	case string:
		if path, ok := strings.CutPrefix(v, "file:"); ok && path != "" || isWeb(v) || isURL != nil && isURL(v) {
			return Spec{URL: v}, nil
		}
		return Spec{}, fmt.Errorf("%w, not %.60q", ErrSpec, clients.Redacted(v))
	case map[string]any:
		if url, ok := v["url"].(string); ok && strings.Contains(url, ":") {
			return specOfTable(url, v, isURL)
		}
		return Spec{Entries: v}, nil
	case []any:
		return Spec{Entries: v}, nil
	}
	return Spec{}, ErrSpec
}

func specOfTable(url string, table map[string]any, isURL func(string) bool) (Spec, error) {
	s, err := SpecOf(url, isURL)
	if err != nil {
		return s, err
	}
	for key, x := range table {
		text, isText := x.(string)
		switch {
		case key == "url":
		case key == "query" && isText:
			s.Query = text
		case key == "layout" && isText:
			s.Layout = text
		case key == "token" && isText:
			s.Token = text
		case key == "every":
			n, ok := x.(float64)
			if !ok || n < 1 || n > 86400 {
				return s, fmt.Errorf("every must be 1 to 86400 seconds, not %v", x)
			}
			s.Every = time.Duration(n * float64(time.Second))
		case key == "use_domain":
			b, ok := x.(bool)
			if !ok {
				return s, fmt.Errorf("use_domain must be true or false, not %v", x)
			}
			s.Domain = &b
		case slices.Contains([]string{"query", "layout", "token"}, key):
			return s, fmt.Errorf("%s must be text", key)
		default:
			return s, fmt.Errorf("unknown key %q of a source; the keys are every, layout, query, token, url, use_domain", key)
		}
	}
	if s.Token != "" && !isWeb(s.URL) {
		return s, errors.New("token belongs to the URL of an HTTP server")
	}
	if s.Query != "" && s.Layout != "" {
		return s, errors.New("a source has a query or a layout, not both")
	}
	return s, nil
}

// path is that of a file, or "".
func (s *Spec) path() string {
	path, ok := strings.CutPrefix(s.URL, "file:")
	if !ok {
		return ""
	}
	return path
}

// Web reports whether the list is on an HTTP server.
func (s *Spec) Web() bool { return isWeb(s.URL) }

// Name is the source as it may be logged.
func (s *Spec) Name() string {
	switch {
	case s.path() != "":
		return s.path()
	case s.URL != "":
		return clients.Redacted(s.URL)
	case s.Func != nil:
		return "a function"
	}
	return "a table"
}
