package interop

// --advertise HOST: what peers are told leads to the listener, with the listener's own port.

import (
	"net"
	"strconv"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/internal/peer"
)

const advertised = "127.0.0.2" // an address of this machine that no listener names

func TestAdvertisedHostAlone(t *testing.T) {
	s := spawn(t, "run", "-l", "udp:0.0.0.0:0", "-l", "tcp:0.0.0.0:0", "--advertise", advertised, "-d", "example.com", script(t, `
local registrar, b2b = require "registrar", require "b2b"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  local user = req.ruri.user
  if user:sub(1, 2) ~= "to" then req:record_route() return req:relay(registrar.lookup(req.ruri)) end
  local a = b2b.incoming(req)
  local b, res = a:dial(registrar.lookup(req.ruri))
  if not b then return a:reject(res) end
  a:bridge(b)
end`))
	s.ready()
	for _, row := range []struct{ transport, callee string }{{"udp", "proxied-udp"}, {"tcp", "proxied-tcp"}, {"udp", "to-udp"}, {"tcp", "to-tcp"}} {
		t.Run(row.callee, func(t *testing.T) {
			_, port, err := net.SplitHostPort(s.addrs[row.transport])
			if err != nil {
				t.Fatal(err)
			}
			told := net.JoinHostPort(advertised, port)
			via := peer.Server{Transport: row.transport, Addr: told}
			alice, bob := peer.New(t, "alice-"+row.callee, "example.com", via), peer.New(t, row.callee, "example.com", via)
			bob.Register()
			call := alice.Invite("sip:"+row.callee+"@example.com", func(r *sip.Request) {
				r.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
				r.SetBody(audio(t))
			})
			in := bob.Incoming()
			in.Answer(audio(t))
			call.Final()
			call.Ack()
			bob.Ack()

			bye := in.InDialog(sip.BYE)
			next := in.Request.Contact().Address
			if route := in.Request.GetHeader("Record-Route"); route != nil {
				u, params := sip.Uri{}, sip.NewParams()
				if _, err := sip.ParseAddressValue(route.Value(), &u, &params); err != nil {
					t.Fatal(err)
				}
				next = u
			}
			got := net.JoinHostPort(next.Host, strconv.Itoa(next.Port))
			if got != told {
				t.Errorf("requests in the dialog are to go to %s, want %s", got, told)
			}
			bye.SetDestination(got)
			if res := bob.Send(bye); res.StatusCode != 200 {
				t.Errorf("BYE gets %d", res.StatusCode)
			}
			alice.Bye()
		})
	}
}
