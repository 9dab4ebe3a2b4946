package interop

// Kamailio's stock KEMI script, as its Debian package ships it, on Kamailio and here: the same
// messages and calls go to both, and what comes out is compared field by field.

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// kemiServers starts both with one configuration.
func kemiServers(t *testing.T, config, ours string) (a, b *wires) {
	t.Helper()
	a = newWires(t, kamailio(t, config))
	s := spawn(t, "run", "-l", "udp:127.0.0.1:0", "-l", "udp:"+trunkAddress+":0", "-d", "example.com", "--lanes", "1", "--log-level", "error", "--kemi", ours)
	s.ready()
	return a, newWires(t, s.addrs["udp"])
}

// TestKEMIBesideKamailio sends the corpus to both.
func TestKEMIBesideKamailio(t *testing.T) {
	if raceBuild() {
		t.Skip("once is enough: the binary as it is shipped")
	}
	needKamailio(t)
	config := stockFiles(t)
	mine := stockFiles(t)
	theirs, ours := kemiServers(t, config, mine)
	converted := convertedServer(t, stockFiles(t))
	flows := kemiCorpus()
	if len(flows) < 300 {
		t.Errorf("%d flows", len(flows))
	}
	used, rules := map[string]int{}, stockFlowRules()
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) { compareFlow(t, f, rules, used, theirs, ours, converted) })
	}
	t.Run("flood", func(t *testing.T) {
		for _, w := range []*wires{theirs, ours, converted} {
			w.t = t
			w.flood()
		}
	})
	theirs.t, ours.t, converted.t = t, t, t
	needed(t, used, slices.Concat(rules, convertedFlowRules()))
	t.Logf("%d flows; rules: %v", len(flows), used)
}

// needed fails if there is a rule that nothing needs: it hides something.
func needed(t *testing.T, used map[string]int, flows []kemiFlowRule) {
	t.Helper()
	guide, err := os.ReadFile("../../docs/kemi.md")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(string(guide)), " ")
	for _, r := range kemiRules() {
		if used[r.name] == 0 {
			t.Errorf("nothing needs the rule %q", r.name)
		}
		if !strings.Contains(said, r.name[1:]+".") {
			t.Errorf("docs/kemi.md does not have the rule %q", r.name)
		}
	}
	for _, r := range flows {
		if !strings.Contains(said, r.why[1:]+".") {
			t.Errorf("docs/kemi.md does not have the rule %q", r.why)
		}
		if used[r.key()] == 0 {
			t.Errorf("nothing needs the rule %q", r.key())
		}
	}
}

// flood sends requests from an address that is not the server's own until it does not answer any
// more. How many it takes differs: Kamailio counts prefixes of addresses first.
func (w *wires) flood() {
	w.t.Helper()
	for i := range 2000 {
		w.send("F", fmt.Sprintf(ping, "sip:example.com", "{F}", fmt.Sprint("fixflood", i), fmt.Sprint("fixflood", i)))
		if w.settled(0).count() == 0 {
			return
		}
	}
	w.t.Errorf("%s answers 2000 requests of one address", w.server)
}

// compareFlow runs a flow on Kamailio and on servers of ours, and compares what came to each side.
func compareFlow(t *testing.T, f kemiFlow, rules []kemiFlowRule, used map[string]int, theirs *wires, ours ...*wires) {
	t.Helper()
	theirs.t = t
	a := theirs.run(f, nil)
	for i, w := range ours {
		w.t = t
		b := w.run(f, a.mine)
		if allowed(f, rules, a, b, used) || i == 1 && allowed(f, convertedFlowRules(), a, b, used) {
			continue
		}
		for _, side := range sides {
			comparePackets(t, side, a.cloned(side), b.cloned(side), used)
		}
		if t.Failed() {
			t.Fatalf("in short: Kamailio %s; this server (%d) %s", a.summary(), i, b.summary())
		}
	}
}

// cloned is what came to a side, for a comparison to change.
func (r *flowRun) cloned(side string) []packet {
	list := slices.Clone(r.came[side])
	for i := range list {
		list[i].fields = slices.Clone(list[i].fields)
	}
	return list
}

// allowed reports whether a rule allows the flow to go another way here.
func allowed(f kemiFlow, rules []kemiFlowRule, a, b *flowRun, used map[string]int) bool {
	for _, r := range rules {
		if r.flows.MatchString(f.name) && r.theirs.MatchString(a.summary()) && r.ours.MatchString(b.summary()) {
			used[r.key()]++
			return true
		}
	}
	return false
}

// summary is what came to each side in short: "A:407,200 B:MESSAGE".
func (r *flowRun) summary() string {
	var parts []string
	for _, side := range sides {
		var list []string
		for _, p := range r.came[side] {
			word, rest, _ := strings.Cut(p.start, " ")
			if word == "SIP/2.0" {
				word, _, _ = strings.Cut(rest, " ")
			}
			list = append(list, word)
		}
		if len(list) > 0 {
			parts = append(parts, side+":"+strings.Join(list, ","))
		}
	}
	return strings.Join(parts, " ")
}

func comparePackets(t *testing.T, side string, theirs, ours []packet, used map[string]int) {
	t.Helper()
	for _, r := range kemiRules() {
		before := textOf(theirs) + textOf(ours)
		theirs, ours = r.same(theirs, ours)
		if textOf(theirs)+textOf(ours) != before {
			used[r.name]++
		}
	}
	if a, b := textOf(theirs), textOf(ours); a != b {
		t.Errorf("to %s Kamailio sends\n%s\nthis server\n%s", side, a, b)
	}
}

func textOf(list []packet) (text string) {
	for _, p := range list {
		text += p.text()
	}
	return text
}
