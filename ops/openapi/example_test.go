package openapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sipscript/sipscript/ops/openapi"
)

// One declaration serves a request and describes it.
func Example() {
	type thing struct {
		Name string `json:"name" doc:"what it is called"`
	}
	list := []openapi.Operation{{Method: "GET", Path: "/things/{id}", Summary: "show a thing", Answer: thing{},
		Serve: func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"name": %q}`, r.PathValue("id")) }}}
	w := httptest.NewRecorder()
	openapi.Handler(list).ServeHTTP(w, httptest.NewRequest("GET", "/things/a", nil))
	fmt.Println(w.Body)
	text, err := openapi.Document(openapi.Info{Title: "Things", Version: "1"}, list)
	fmt.Println(strings.Contains(string(text), `"operationId": "get_things_by_id"`), err)
	// Output:
	// {"name": "a"}
	// true <nil>
}
