// Package hosttest runs the commands of modules against their part of the admin API, without a
// server in between.
package hosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Run runs the words of a command, its name first, as `sipscript` would, against the API of the
// module "name". The error of an answer that is not a 2xx is the server's, as it is there.
func Run(c host.Command, name string, api []openapi.Operation, flags map[string]any, words ...string) (out string, err error) {
	if words[0] != c.Name {
		return "", fmt.Errorf("the command is %s, not %s", c.Name, words[0])
	}
	called, rest := c.Name, words[1:]
	for len(rest) > 0 {
		sub := named(c.Sub, rest[0])
		if sub == nil {
			break
		}
		c, called, rest = *sub, called+" "+rest[0], rest[1:]
	}
	if c.Run == nil {
		return "", fmt.Errorf("%s consists of its sub-commands", called)
	}
	var b bytes.Buffer
	err = c.Run(&host.Invocation{Context: context.Background(), Command: called, Args: rest, Flags: host.NewValues(flags), Stdout: &b,
		Again: func(context.Context) bool { return false },
		Ask: func(method, path string, body io.Reader) ([]byte, error) {
			if body == nil {
				body = http.NoBody
			}
			w := httptest.NewRecorder()
			openapi.Handler(openapi.Below("/api/v1/"+name, api)).ServeHTTP(w, httptest.NewRequest(method, path, body))
			return answer(w)
		}})
	return b.String(), err
}

func named(list []host.Command, name string) *host.Command {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// answer is what the command's client makes of an answer.
func answer(w *httptest.ResponseRecorder) ([]byte, error) {
	if w.Code >= 200 && w.Code < 300 {
		return w.Body.Bytes(), nil
	}
	var said struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		return nil, fmt.Errorf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
	}
	return nil, fmt.Errorf("%d %s", w.Code, said.Error)
}
