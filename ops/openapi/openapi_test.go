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
