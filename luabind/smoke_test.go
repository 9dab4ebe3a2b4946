package luabind_test

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	x := run(t, `function route(req) if req.method == "MESSAGE" then return req:reply(202) end req:relay("sip:bob@10.0.0.9") end`)
	if c := x.code("MESSAGE", "sip:bob@example.com"); c != 202 {
		t.Fatal(c)
	}
	x.peer("10.0.0.9:5060", answering(486))
	if c := x.code("INVITE", "sip:bob@example.com"); c != 486 {
		t.Fatal(c)
	}
}
