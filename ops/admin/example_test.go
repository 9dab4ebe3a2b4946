package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/ops/admin"
)

// A program of its own answers /healthz, /readyz, /metrics and /status, and reloads on request.
func ExampleNew() {
	s, err := admin.New(admin.Options{
		Addr:    "127.0.0.1:0",
		Figures: prometheus.NewRegistry(),
		Ready:   func() error { return nil },
		Reload:  func(context.Context) (int, error) { return 2, nil }, // router.Reload
		Status:  func() any { return map[string]string{"state": "serving"} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Serve()
	defer s.Close(context.Background())

	res, err := http.Get("http://" + s.Addr().String() + "/status")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fmt.Println(string(text), err)

	generation, err := (&admin.Client{Addr: s.Addr().String()}).Reload(context.Background())
	fmt.Println(generation, err)
	// Output:
	// {
	//   "state": "serving"
	// }
	//  <nil>
	// 2 <nil>
}
