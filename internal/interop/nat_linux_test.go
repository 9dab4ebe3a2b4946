package interop

// A phone behind a real NAT: two networks of the kernel's, and a router between them that
// masquerades.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lan is a home network behind a router, and the network outside, each in a namespace of its own.
type lan struct {
	t                     *testing.T
	outside, router, home string // namespaces
}

const (
	serverOutside = "203.0.113.1"
	phoneOutside  = "203.0.113.3"
	phoneHome     = "192.168.77.2"
)

// newLAN makes the networks, and skips the test where that can't be done.
func newLAN(t *testing.T) *lan {
	t.Helper()
	for _, name := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is missing: install iproute2 and nftables (Debian) to run this test", name)
		}
	}
	n := &lan{t: t}
	id := fmt.Sprintf("sipscript-%d-", os.Getpid())
	n.outside, n.router, n.home = id+"out", id+"router", id+"home"
	for _, ns := range []string{n.outside, n.router, n.home} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("network namespaces can't be made here (root can): %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	for _, line := range []string{
		"link add wan netns OUTSIDE type veth peer name wan netns ROUTER",
		"link add lan netns ROUTER type veth peer name lan netns HOME",
		"-n OUTSIDE addr add " + serverOutside + "/24 dev wan",
		"-n OUTSIDE addr add " + phoneOutside + "/24 dev wan",
		"-n ROUTER addr add 203.0.113.2/24 dev wan",
		"-n ROUTER addr add 192.168.77.1/24 dev lan",
		"-n HOME addr add " + phoneHome + "/24 dev lan",
		"-n OUTSIDE link set lo up", "-n HOME link set lo up",
		"-n OUTSIDE link set wan up", "-n ROUTER link set wan up", "-n ROUTER link set lan up", "-n HOME link set lan up",
		"-n HOME route add default via 192.168.77.1",
	} {
		n.ip(line)
	}
	n.run("ip", "netns", "exec", n.router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	for _, rule := range []string{
		"add table ip nat", "add chain ip nat post { type nat hook postrouting priority 100 ; }",
		"add rule ip nat post oifname wan masquerade fully-random",
	} {
		if out, err := exec.Command("ip", "netns", "exec", n.router, "nft", rule).CombinedOutput(); err != nil {
			t.Skipf("the kernel does not masquerade here: nft %s: %v: %s", rule, err, out)
		}
	}
	return n
}

func (n *lan) ip(line string) {
	n.t.Helper()
	line = strings.NewReplacer("OUTSIDE", n.outside, "ROUTER", n.router, "HOME", n.home).Replace(line)
	n.run("ip", strings.Fields(line)...)
}

func (n *lan) run(name string, args ...string) {
	n.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// rebind has the router forget all mappings: masquerading does when its interface goes down.
func (n *lan) rebind() {
	n.ip("-n ROUTER link set wan down")
	n.ip("-n ROUTER link set wan up")
}

// in is a command within a namespace.
func in(ns string, name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", ns, name}, args...)...)
}

func TestPhoneBehindARealNAT(t *testing.T) {
	needBaresip(t)
	n := newLAN(t)
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte(`local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then
    registrar.save(req)
    if #(registrar.bindings(req.to.uri) or {}) == 0 then sip.log.info("%s has left", req.to.uri.user) end
    return
  end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := in(n.outside, binary, "run", "-l", "udp:"+serverOutside+":5060", "-d", "example.com", script)
	cmd.Env = append(withoutOurs(os.Environ()), "SIPSCRIPT_DRAIN=1s")
	s := launch(t, cmd)
	s.ready()
	home := startBaresipAt(t, place{n.home, phoneHome}, serverOutside+":5060", "udp", "home", "", "")
	away := startBaresipAt(t, place{n.outside, phoneOutside}, serverOutside+":5060", "udp", "away", "", "")
	home.says(0, "registered successfully")
	away.says(0, "registered successfully")

	// call has one phone call the other.
	call := func(from, to *baresip, user string) {
		t.Helper()
		a, b := from.out.count(), to.out.count()
		from.command("dial sip:" + user + "@example.com")
		to.says(b, "Incoming call")
		to.command("accept")
		from.says(a, "established")
		to.says(b, "established")
	}
	// hangUp has one phone end the call, and the other learn of it.
	hangUp := func(who, other *baresip) {
		t.Helper()
		from := other.out.count()
		who.command("hangup")
		other.says(from, "session closed")
	}
	// hold has one phone send a re-INVITE, which must reach the other.
	hold := func(who, other *baresip) {
		t.Helper()
		from := other.out.count()
		who.command("hold")
		other.says(from, "got re-INVITE")
	}
	for _, c := range []struct {
		name      string
		inward    bool // the call comes from outside
		homeHangs bool
		holds     string // who holds
		moves     bool   // the NAT rebinds in the call; the phone registers again after it
	}{
		{name: "a call to the phone, which hangs up", inward: true, homeHangs: true},
		{name: "a call to the phone, held by it, hung up from outside", inward: true, holds: "home"},
		{name: "a call from the phone, held by it, which hangs up", homeHangs: true, holds: "home"},
		{name: "a call from the phone, held and hung up from outside", holds: "away"},
		{name: "a call from the phone, whose NAT rebinds before it holds", holds: "home", moves: true},
		{name: "a call to the phone, whose NAT rebinds before it holds", inward: true, holds: "home", moves: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.inward {
				call(away, home, "home")
			} else {
				call(home, away, "away")
			}
			if c.moves {
				n.rebind()
			}
			switch c.holds {
			case "home":
				hold(home, away)
			case "away":
				hold(away, home)
			}
			if c.homeHangs {
				hangUp(home, away)
			} else {
				hangUp(away, home)
			}
			// So that the next call finds it. Both registrations are of one instance: not at once
			if c.moves {
				from, left := home.out.count(), s.log.count()
				home.command("uadel sip:home@example.com")
				s.log.await(t, left, "home has left")
				_, _ = io.WriteString(home.in, "/uanew "+home.account)
				home.says(from, "200 OK", "binding")
			}
		})
	}
}
