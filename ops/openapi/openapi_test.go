package openapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Name string `json:"name"`
}

type outer struct {
	inner
	Count   uint64            `json:"count" doc:"how many"`
	At      *time.Time        `json:"at,omitempty"`
	Raw     json.RawMessage   `json:"raw"`
	Tags    map[string]string `json:"tags"`
	Self    []*outer          `json:"self,omitempty"`
	Any     any               `json:"any"`
	Hidden  string            `json:"-"`
	private int
	Said    inner `json:"said" doc:"who"`
}

// The schema of a type says what encoding/json makes of it.
func TestSchemas(t *testing.T) {
	_ = outer{}.private
	s := schemas{named: object{}, types: map[string]reflect.Type{}}
	if ref := s.of(outer{})["$ref"]; ref != "#/components/schemas/OpenapiOuter" {
		t.Fatal(ref)
	}
	got, _ := json.Marshal(s.named["OpenapiOuter"])
	want := `{"properties":{"any":{},"at":{"format":"date-time","type":"string"},"count":{"description":"how many","minimum":0,"type":"integer"},"name":{"type":"string"},` +
		`"raw":{},"said":{"$ref":"#/components/schemas/OpenapiInner","description":"who"},"self":{"items":{"$ref":"#/components/schemas/OpenapiOuter"},"type":"array"},` +
		`"tags":{"additionalProperties":{"type":"string"},"type":"object"}},"required":["name","count","raw","tags","any","said"],"type":"object"}`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestQueries(t *testing.T) {
	h := Handler([]Operation{{Method: "GET", Path: "/things", Summary: "list", Serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		Query: []Param{{Name: "who", Required: true, Doc: "a name"}, {Name: "state", Enum: []string{"up", "down"}}}},
		{Method: "GET", Path: "/all", Summary: "list", Serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }}})
	for _, row := range []struct {
		path string
		code int
		want string
	}{
		{"/things?who=a", 204, ""},
		{"/things?who=a&state=up", 204, ""},
		{"/things?who=a&state=", 204, ""},
		{"/things", 400, "expected ?who=: a name"},
		{"/things?who=", 400, "expected ?who=: a name"},
		{"/things?who=a&sate=up", 400, `there is no parameter \"sate\"; there are who, state`},
		{"/things?who=a&state=on", 400, "state: expected up, down"},
		{"/things?who=a&who=b", 400, "who is given twice"},
		{"/all?x=1", 400, `it takes no parameters: found \"x\"`},
		{"/none", 404, ""},
		{"/things?who=a&state=up;x=y", 400, "semicolon"},
		{"/things?who=a&state=%zz", 400, "escape"},
		{"/all?x;y", 400, "semicolon"},
	} {
		t.Run(row.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", row.path, nil))
			if w.Code != row.code || !strings.Contains(w.Body.String(), row.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// What acts is never done for more than was said: a parameter that is cut off or empty is refused.
func TestActsAreNotWidened(t *testing.T) {
	served := 0
	h := Handler([]Operation{{Method: "DELETE", Path: "/things", Summary: "remove one or all", Query: []Param{{Name: "who", Required: true}, {Name: "which"}},
		Serve: func(w http.ResponseWriter, _ *http.Request) { served++; w.WriteHeader(204) }}})
	for _, row := range []struct {
		query string
		code  int
		want  string
	}{
		{"who=a", 204, ""},
		{"who=a&which=b%3Bc", 204, ""},
		{"who=a&which=b;c", 400, "semicolon"},
		{"who=a&which=%b", 400, "escape"},
		{"who=a&which=", 400, "which is empty"},
		{"who=a&which", 400, "which is empty"},
		{"who=&which=b", 400, "who is empty"},
	} {
		t.Run(row.query, func(t *testing.T) {
			before, w := served, httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("DELETE", "/things?"+row.query, nil))
			if w.Code != row.code || !strings.Contains(w.Body.String(), row.want) || served-before != btoi(row.code == 204) {
				t.Errorf("%d %s, served %d times", w.Code, w.Body, served-before)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
