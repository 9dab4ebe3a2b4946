package turn_test

// This file tests the admin API and the command.

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v4"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/modules/turn"
	"github.com/sipscript/sipscript/modules/turn/relay"
)

// allocate makes an allocation of a user with a permission, over UDP or TCP.
func allocate(t *testing.T, m *turn.Turn, network, addr, user string) net.PacketConn {
	t.Helper()
	c, err := m.Credentials(user, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if network == "tcp" {
		var stream net.Conn
		if stream, err = net.Dial("tcp4", addr); err == nil {
			conn = pion.NewSTUNConn(stream)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client, err := pion.NewClient(&pion.ClientConfig{TURNServerAddr: addr, Conn: conn, Username: c.Username, Password: c.Password, LoggerFactory: logging.NewDefaultLoggerFactory()})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	relayed, err := client.Allocate()
	if err == nil {
		err = client.CreatePermission(&net.UDPAddr{IP: net.IPv4(8, 8, 8, 8), Port: 4000})
	}
	if err != nil {
		t.Fatal(err)
	}
	return relayed
}

func TestCommand(t *testing.T) {
	m := turn.New(turn.Options{Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	defer m.Close()
	luabindtest.New(t, "turn = require \"turn\"\nfunction route(req) req:reply(404) end", luabindtest.Modules(m))
	addr := strings.TrimPrefix(m.Listening()[0], "turn ")
	alice := allocate(t, m, "udp", addr, "alice").LocalAddr().String()
	allocate(t, m, "tcp", addr, "bob")
	allocate(t, m, "udp", addr, "bob")
	const head = "USER CLIENT RELAYED PERMISSIONS CHANNELS ENDS IN "
	const tail = "3 allocations of 2 users; packets 0 from clients, 0 to clients, 0 dropped; 0 requests refused <nil>"
	for _, row := range []struct {
		words string
		flags map[string]any
		want  []string
	}{
		{"turn", nil, []string{head + "alice udp:127.0.0.1:", " " + alice + " 1 0 ", "bob tcp:127.0.0.1:", "bob udp:127.0.0.1:", "m", " " + tail}},
		{"turn list alice", nil, []string{head + "alice udp:127.0.0.1:", "s " + tail}},
		{"turn list nobody", nil, []string{head + tail}},
		{"turn", map[string]any{"limit": 2}, []string{" … " + tail}},
		{"turn list alice", map[string]any{"json": true}, []string{`"listening": [ "turn ` + addr + `" ]`, `"total": 3`, `"user": "alice"`, `"transport": "udp"`, `"relayed": "` + alice + `"`,
			`"permissions": 1`, `"channels": 0`, `"more": false`}},
		{"turn", map[string]any{"limit": 99999}, []string{"400 limit is a number from 1 to 10000"}},
		{"turn list a b", nil, []string{"one user at a time"}},
		{"turn end", nil, []string{`unknown command "end"; the commands are list`}},
	} {
		t.Run(fmt.Sprint(row.words, row.flags), func(t *testing.T) {
			out, err := hosttest.Run(turn.Plugin().Commands[0], "turn", m.API(), row.flags, strings.Fields(row.words)...)
			got := strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err)
			for _, part := range row.want {
				if !strings.Contains(got, part) {
					t.Errorf("no %q in %s", part, got)
				}
			}
		})
	}
	t.Run("without a server", func(t *testing.T) {
		out, err := hosttest.Run(turn.Plugin().Commands[0], "turn", turn.New(turn.Options{}).API(), nil, "turn")
		if err != nil || !strings.Contains(out, "0 allocations of 0 users") {
			t.Errorf("%q, %v", out, err)
		}
	})
}
