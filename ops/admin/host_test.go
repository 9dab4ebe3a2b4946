package admin

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A page whose name was made to lead here hears nothing (DNS rebinding).
func TestHost(t *testing.T) {
	reloads := 0
	s, err := New(Options{
		Addr: "127.0.0.1:0", Hosts: []string{"pbx.example.com", "[2001:db8::1]"}, Figures: prometheus.NewRegistry(),
		Ready:  func() error { return nil },
		Reload: func(context.Context) (int, error) { reloads++; return 1, nil },
		Status: func() any { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.Close(ctx)
	})
	for host, known := range map[string]bool{
		"localhost": true, "LOCALHOST.:8060": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]:80": true, s.Addr().String(): true,
		"pbx.example.com": true, "PBX.example.com.:443": true, "[2001:db8::1]:80": true,
		"evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "192.0.2.1": false, "[2001:db8::2]": false, "a:b:c": false,
	} {
		t.Run(host, func(t *testing.T) {
			for _, path := range []string{"/healthz", "/metrics", "/status", "/reload"} {
				method := "GET"
				if path == "/reload" {
					method = "POST"
				}
				before := reloads
				r, err := http.NewRequest(method, "http://"+s.Addr().String()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Errorf("%s: %v", host, err)
					continue
				}
				_ = res.Body.Close()
				want := 200
				if !known {
					want = 421
				}
				if res.StatusCode != want || !known && reloads != before {
					t.Errorf("%s with Host %s: %d, want %d", path, host, res.StatusCode, want)
				}
			}
		})
	}
}
