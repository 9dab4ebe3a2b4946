package luabind_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// A generation is listed until nothing of it runs any more.
func TestGenerations(t *testing.T) {
	w := luabindtest.New(t, `function route(req) sip.sleep(5) req:reply(200) end`)
	if list := w.Router.Generations(); len(list) != 1 || !list[0].Serving || list[0].Number != 1 {
		t.Fatalf("%+v", list)
	}
	caller := w.Peer(luabindtest.Caller, nil)
	caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
	w.Run(time.Second)
	if err := w.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := w.Router.Generations()
	if len(list) != 2 || list[0].Number != 2 || !list[0].Serving || list[1].Serving || list[1].Held == 0 || list[0].Loaded.Before(list[1].Loaded) {
		t.Errorf("while a request is served: %+v", list)
	}
	w.Run(10 * time.Second)
	if list := w.Router.Generations(); len(list) != 1 || list[0].Number != 2 {
		t.Errorf("afterwards: %+v", list)
	}
}

// Other arguments take effect with a new generation; those that the script refuses don't.
func TestSetArgs(t *testing.T) {
	w := luabindtest.New(t, `if sip.args.who == "eve" then error("not eve") end function route(req) req:reply(200, sip.args.who or "nobody") end`)
	reason := func() string { return string(w.Ask("MESSAGE", "sip:b@example.com").ReasonPhrase()) }
	for _, row := range []struct {
		who, want string
		ok        bool
	}{{"alice", "alice", true}, {"eve", "alice", false}, {"bob", "bob", true}} {
		t.Run(row.who, func(t *testing.T) {
			if err := w.Router.SetArgs(t.Context(), map[string]string{"who": row.who}); (err == nil) != row.ok {
				t.Error(err)
			}
			if got := reason(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}
