package kemi

// What peers can fill stays within its bounds, and costs no more when it is full.

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/kemi/pv"
)

func TestFullTable(t *testing.T) {
	const most = 1000
	now := time.Unix(1000, 0)
	table := &htable{entries: map[string]entry{}, most: most}
	for i := range most {
		if !table.set(strconv.Itoa(i), pv.Num(1), time.Minute, now) {
			t.Fatal(i)
		}
	}
	if table.set("new", pv.Num(1), time.Minute, now) {
		t.Error("there was no place")
	}
	if !table.set("5", pv.Num(2), time.Minute, now) {
		t.Error("one that is there was not set")
	}
	if !table.set("new", pv.Num(1), time.Minute, now.Add(time.Hour)) {
		t.Error("what is over did not leave")
	}
	if n := len(table.entries); n < most-looks || n > most {
		t.Errorf("%d entries: one packet walked through all of them", n)
	}
}

func TestFullPike(t *testing.T) {
	const most = 1000
	rule := pikeRule{2 * time.Second, 5}
	now := time.Unix(1000, 0)
	s := &sources{hits: map[netip.Addr]*hits{}, most: most}
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	for i := range most {
		s.hit(at(i), rule, now)
	}
	for range 2 * rule.density {
		if got := s.hit(at(most), rule, now); got != 1 {
			t.Errorf("one that there is no place for: %d", got)
		}
	}
	if _, there := s.hits[at(most)]; there || len(s.hits) != most {
		t.Errorf("%d addresses", len(s.hits))
	}
	s.hit(at(most), rule, now.Add(time.Minute))
	if n := len(s.hits); n < most-looks || n > most || s.hits[at(most)] == nil {
		t.Errorf("%d addresses: one packet walked through all of them", n)
	}
}

// A table that is at work does not stop the others.
func TestTablesHaveTheirOwnLocks(t *testing.T) {
	s := newShared()
	now := time.Unix(1000, 0)
	s.set(nil, "b", "k", pv.Num(1), now)
	s.in(nil, "a", func(*htable) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.get(nil, "b", "k", now)
			s.setVariable("v", pv.Num(1))
			s.pike.hit(netip.MustParseAddr("10.0.0.1"), pikeRule{time.Second, 5}, now)
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("they wait for each other")
		}
	})
}

func TestExpressionIsCompiledOnce(t *testing.T) {
	compare, ok := comparison("re", "^a[0-9]+$")
	if !ok || !compare("a1") || compare("b1") {
		t.Fatal(ok)
	}
	if n := testing.AllocsPerRun(100, func() { compare("a123") }); n != 0 {
		t.Errorf("%v allocations for an entry", n)
	}
	for _, op := range []string{"eq", "ne", "sw"} {
		t.Run(op, func(t *testing.T) {
			if compare, ok := comparison(op, "ab"); !ok || compare("ab") == (op == "ne") || compare("xy") != (op == "ne") || compare("abc") == (op == "eq") {
				t.Error(op)
			}
		})
	}
	for _, bad := range [][2]string{{"re", "("}, {"gt", "1"}} {
		t.Run("bad "+bad[0], func(t *testing.T) {
			if _, ok := comparison(bad[0], bad[1]); ok {
				t.Error("it was taken")
			}
		})
	}
}

// Texts that a peer's message is part of do not fill the memory, and do not displace the script's.
func TestParsedTextsAreBounded(t *testing.T) {
	sh := &shim{texts: parsed[pv.Text]{}, vars: parsed[*pv.Var]{}}
	long := strings.Repeat("x", maxParsedText)
	for i := range 5000 {
		n := strconv.Itoa(i)
		if _, err := sh.text(n + long); err != nil {
			t.Fatal(err)
		}
		if _, err := sh.text("$nosuch" + n); err == nil {
			t.Fatal("there is no such variable")
		}
		if _, err := sh.variable("nosuch" + n); err == nil {
			t.Fatal("there is no such variable")
		}
	}
	if len(sh.texts) != 0 || len(sh.vars) != 0 {
		t.Errorf("%d texts and %d variables are kept", len(sh.texts), len(sh.vars))
	}
	for i := range 5000 {
		if _, err := sh.text("from " + strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sh.text("$ru"); err != nil || len(sh.texts) > maxParsed {
		t.Fatalf("%d, %v", len(sh.texts), err)
	}
	if _, kept := sh.texts["$ru"]; !kept {
		t.Error("the script's own text is parsed each time")
	}
}
