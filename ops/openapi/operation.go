// Package openapi declares the requests of an HTTP API once: from the declaration come the handler
// that serves them and the OpenAPI 3.1 document that describes them.
package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Operation is one request of an API. Method, Path, Summary and Serve are required.
type Operation struct {
	Method  string  // GET asks and changes nothing; all others act
	Path    string  // as http.ServeMux has it, "/calls/{id}"
	Summary string  // one line: what it does
	Query   []Param // what it takes behind the "?"; anything else is refused
	// Body is a value of the struct that it takes as JSON; nil: it takes none.
	Body any
	// Answer is a value of what it answers as JSON with 200; nil: an object of no fixed shape.
	Answer any
	// Type is the Content-Type of the answer, "application/json" for ""; of a stream Answer is one
	// piece.
	Type string
	// Secret: the body may hold secrets, and is not logged.
	Secret bool
	// Fails are the codes of its errors: {"error": "…"}.
	Fails []int
	Serve http.HandlerFunc
}

// Param is a parameter of a query or, by its name, of a path.
type Param struct {
	Name     string   // as it is written
	Doc      string   // what it is
	Type     string   // "string" for "", integer, number or boolean
	Enum     []string // the only values; nil: any
	Required bool     // it can't be left out
}

// Acts reports whether the operation may change something.
func (o *Operation) Acts() bool { return Acts(o.Method) }

// Acts reports whether a request by this method may change something.
func Acts(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// Handler serves the operations. Parameters that an operation does not know are refused: a filter
// that is misspelt must not select everything.
func Handler(list []Operation) *http.ServeMux {
	mux := http.NewServeMux()
	for _, o := range list {
		mux.HandleFunc(o.Method+" "+o.Path, func(w http.ResponseWriter, r *http.Request) {
			if err := o.check(r); err != nil {
				refuse(w, err)
				return
			}
			o.Serve(w, r)
		})
	}
	return mux
}

// check returns what is wrong with a request's query.
func (o *Operation) check(r *http.Request) error {
	// Not r.URL.Query, which leaves out what it can't read: a contact with a raw ";" would be gone,
	// and all of a user's would be removed.
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fmt.Errorf(`the query can't be read (";" is written %%3B, "%%" %%25): %w`, err)
	}
	for name, values := range q {
		i := slices.IndexFunc(o.Query, func(p Param) bool { return p.Name == name })
		switch {
		case i < 0 && len(o.Query) == 0:
			return fmt.Errorf("it takes no parameters: found %.60q", name)
		case i < 0:
			return fmt.Errorf("there is no parameter %.60q; there are %s", name, o.names())
		case len(values) > 1:
			return fmt.Errorf("%s is given twice", name)
		case values[0] == "" && o.Acts():
			// A shell's variable that is not set must not select everything.
			return fmt.Errorf("%s is empty", name)
		case len(o.Query[i].Enum) > 0 && values[0] != "" && !slices.Contains(o.Query[i].Enum, values[0]):
			return fmt.Errorf("%s: expected %s", name, strings.Join(o.Query[i].Enum, ", "))
		}
	}
	for _, p := range o.Query {
		if p.Required && q.Get(p.Name) == "" {
			return fmt.Errorf("expected ?%s=: %s", p.Name, p.Doc)
		}
	}
	return nil
}

func (o *Operation) names() string {
	names := make([]string, len(o.Query))
	for i, p := range o.Query {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

func refuse(w http.ResponseWriter, err error) {
	text, _ := json.MarshalIndent(map[string]string{"error": err.Error()}, "", "  ") // of text
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(append(text, '\n')) // a client that went away does not matter
}

// Below returns the operations with their paths below a prefix, "/api/v1/acl".
func Below(prefix string, list []Operation) []Operation {
	out := slices.Clone(list)
	for i := range out {
		out[i].Path = prefix + out[i].Path
	}
	return out
}
