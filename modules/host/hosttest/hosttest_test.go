package hosttest_test

import (
	"fmt"
	"net/http"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/ops/openapi"
)

func ExampleRun() {
	command := host.Command{Name: "shop", Sub: []host.Command{{Name: "list", Run: func(c *host.Invocation) error {
		return host.Show(c, "/api/v1/shop/things", func(a *struct{ Things []string }) host.View {
			return host.View{Table: fmt.Appendln(nil, a.Things)}
		})
	}}}}
	api := []openapi.Operation{{Method: "GET", Path: "/things", Summary: "list things", Serve: func(w http.ResponseWriter, _ *http.Request) {
		host.Answer(w, http.StatusOK, map[string]any{"things": []string{"a", "b"}})
	}}}
	fmt.Println(hosttest.Run(command, "shop", api, nil, "shop", "list"))
	// Output:
	// [a b]
	//  <nil>
}
