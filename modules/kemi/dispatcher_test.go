package kemi_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Where a request comes from is compared with a list as Kamailio 5.6.3 was seen to compare it:
// sets 1 to 6 against udp:10.0.0.2:5060, and its own numbers for each mode.
func TestIsFromList(t *testing.T) {
	list := filepath.Join(t.TempDir(), "dispatcher.list")
	text := "1 sip:10.0.0.2:5060\n2 sip:10.0.0.2\n3 sip:10.0.0.2:5060;transport=tcp\n4 sip:10.0.0.2:5070\n5 sip:10.0.0.9:5060\n6 sip:10.0.0.2:5060;transport=udp\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script := show + `function ksr_request_route()
  local d, set = KSR.dispatcher, tonumber(KSR.hdr.get("X-Row"))
  local got = show(d.ds_is_from_list(set), d.ds_is_from_list_mode(set, 0), d.ds_is_from_list_mode(set, 1), d.ds_is_from_list_mode(set, 3), d.ds_is_from_list_mode(set, 7),
    d.ds_is_from_list_uri(set, 2, "sip:10.0.0.2:5070"), d.ds_is_from_list_uri(set, 0, "sip:10.0.0.2:5060;transport=tcp"))
  KSR.hdr.append_to_reply("X-Got: " .. got .. "\r\n")
  KSR.sl.sl_send_reply(299, "Got")
end`
	cfg := config("dispatcher", fmt.Sprintf("modparam(\"dispatcher\", \"list_file\", %q)", list))
	w, err := loadFiles(t, "", "kamailio.cfg", map[string]string{"k.lua": script, "kamailio.cfg": cfg}, luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com"} }))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		set        int
	}{
		{"its port", "1; -1; -1; 1; 1; -1; -1", 1},
		{"no port", "1; -1; -1; 1; 1; 1; -1", 2},
		{"another transport", "1; -1; -1; 1; 1; -1; 1", 3},
		{"another port", "-1; -1; -1; 1; 1; 1; -1", 4},
		{"another address", "-1; -1; -1; -1; -1; -1; -1", 5},
		{"its transport", "1; 1; 1; 1; 1; -1; -1", 6},
		{"any set", "1; 1; 1; 1; 1; 1; 1", -1},
		{"an unknown set", "-1; -1; -1; -1; -1; -1; -1", 9},
	} {
		t.Run("4/dispatcher.ds_is_from_list: "+c.name, func(t *testing.T) {
			if got := header(w.Ask("OPTIONS", "sip:bob@example.com", fmt.Sprintf("X-Row: %d\r\n", c.set)), "X-Got"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
