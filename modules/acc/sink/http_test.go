package sink

// This file tests HTTP with a server on loopback.

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/clients"
)

func TestHTTP(t *testing.T) {
	var got []map[string]any
	var answer int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		if r.Method != "POST" || user != "acc" || password != "hidden" || r.Header.Get("X-Tenant") != "7" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(answer)
		_, _ = io.WriteString(w, "why")
	}))
	defer server.Close()
	s, err := HTTP(clients.New(clients.Options{}), strings.Replace(server.URL, "//", "//acc:hidden@", 1)+"/cdr", map[string]string{"X-Tenant": "7"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, row := range []struct {
		name    string
		code    int
		fails   bool
		refused bool
	}{
		{"accepted", 202, false, false}, {"there already", 409, false, false}, {"bad", 400, true, true}, {"too large", 413, true, true}, {"not understood", 422, true, true},
		{"no password", 401, true, false}, {"wrong path", 404, true, false}, {"too fast", 429, true, false}, {"broken", 500, true, false}, {"away", 503, true, false},
		{"moved", 302, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer = row.code
			err := s.Write(t.Context(), spooled(t, recordOf(0), failed(1)))
			if (err != nil) != row.fails || errors.Is(err, ErrRefused) != row.refused {
				t.Error(err)
			}
			if values := row.code == 413 || row.code == 422; errors.Is(err, ErrValues) != values {
				t.Errorf("for its values: %v", err)
			}
			if len(got) != 2 || got[1]["id"] != recordOf(1).ID || got[0]["duration"] != 10.5 || got[0]["answered"] != "2026-11-30T12:00:02.123Z" {
				t.Errorf("%v", got)
			}
		})
	}
	server.Close()
	if err := s.Write(t.Context(), spooled(t, recordOf(0))); !errors.Is(err, clients.ErrAway) {
		t.Errorf("%v", err)
	}
	if _, err := HTTP(clients.New(clients.Options{}), "http:cdr", nil); err == nil {
		t.Error("a URL without a host")
	}
}
