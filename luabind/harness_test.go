package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// wrap makes a script of the body of a function whose results become the reply's header X-Result.
func wrap(body string) string {
	return "local function body(req)\n" + body + "\nend\n" + `
function route(req)
  local r = {body(req)}
  if req.answered then return end
  local out = {}
  for i = 1, 5 do out[i] = r[i] == nil and "nil" or tostring(r[i]) end
  while #out > 1 and out[#out] == "nil" do out[#out] = nil end
  req:reply(299, "Ok", {headers = {["X-Result"] = table.concat(out, " ")}})
end`
}

const messageHeaders = "X-A: 1\r\nX-A: two\r\nContact: <sip:a@10.0.0.2>;q=0.5, \"B, b\" <sip:b@10.0.0.3;x=y>\r\nExpires: 60\r\nUser-Agent: UA/1\r\n" +
	"Content-Type: text/plain\r\nRoute: <sip:next.example.net;lr>\r\n"

// handle runs body as the handler of a MESSAGE with a body and some headers.
func handle(t *testing.T, body string, options ...luabindtest.Option) (*message.Message, *luabindtest.World) {
	t.Helper()
	w := luabindtest.New(t, wrap(body), options...)
	return w.Send(w.Request("MESSAGE", "sip:bob%40x@example.com:5070;transport=udp;Flag?subject=hi", messageHeaders, "hello")), w
}

// results are what body returned, as text.
func results(t *testing.T, body string, options ...luabindtest.Option) string {
	t.Helper()
	m, w := handle(t, body, options...)
	if m == nil || m.Status() != 299 {
		t.Fatalf("the handler failed:\n%s\n%s", body, w.Log())
	}
	return string(m.HeaderName("X-Result"))
}

// check runs each body and compares what it returned.
func check(t *testing.T, cases map[string]string, options ...luabindtest.Option) {
	t.Helper()
	for body, want := range cases {
		if got := results(t, body, options...); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

// refuse runs each body, which must raise an error that contains the text, at its line of the file.
func refuse(t *testing.T, cases map[string]string, options ...luabindtest.Option) {
	t.Helper()
	for body, want := range cases {
		m, w := handle(t, body, options...)
		if m == nil || m.Status() != 500 {
			t.Errorf("%s\nwas not answered 500 but %v", body, status(m))
		}
		if log := strings.ReplaceAll(w.Log(), `\"`, `"`); !strings.Contains(log, want) || !strings.Contains(log, "route.lua:2") {
			t.Errorf("%s\nwant an error with %q, got\n%s", body, want, log)
		}
	}
}

func status(m *message.Message) int {
	if m == nil {
		return 0
	}
	return m.Status()
}

// evals runs each source outside of requests and compares what it returned.
func evals(t *testing.T, w *luabindtest.World, cases map[string][]any) {
	t.Helper()
	for source, want := range cases {
		got, err := w.Eval(source)
		if err != nil {
			t.Errorf("%s\nfailed: %v", source, err)
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s\n got %#v\nwant %#v", source, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s\nresult %d: got %#v, want %#v", source, i+1, got[i], want[i])
			}
		}
	}
}

// evalFails runs each source, which must raise an error that contains the text.
func evalFails(t *testing.T, w *luabindtest.World, cases map[string]string) {
	t.Helper()
	for source, want := range cases {
		got, err := w.Eval(source)
		if err == nil {
			t.Errorf("%s\nreturned %v instead of failing", source, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nwant an error with %q, got\n%v", source, want, err)
		}
	}
}

const idle = "function route(req) end"
