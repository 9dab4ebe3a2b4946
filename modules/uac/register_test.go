package uac_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// An account is registered with its password, refreshed before it expires under the same Call-ID,
// and calls for it reach the script.
func TestRegisterAndRefresh(t *testing.T) {
	w := world(t, line+"\nfunction route(req) req:reply(req.ruri.user == '4930' and sip.is_local(req.ruri) and 486 or 404) end")
	tr := newTrunk(t, w)
	w.Run(5 * time.Second)
	if got := state(t, w); got != "trunk registered left nil 200" || !tr.holds(ourContact) {
		t.Fatalf("%s; bound %v", got, tr.bound)
	}
	for range 24 * 60 {
		w.Run(time.Minute)
		if !tr.holds(ourContact) {
			t.Fatal("it expired")
		}
	}
	if n := len(tr.times); n < 29 || n > 42 { // a day of 36 to 48 minutes each
		t.Errorf("registered %d times", n)
	}
	if len(tr.callIDs) != 1 {
		t.Errorf("%d Call-IDs", len(tr.callIDs))
	}
	if n := events(t, w, "registered trunk"); n != 1 {
		t.Errorf("%d events", n)
	}
	if code := w.Code("INVITE", ourContact); code != 486 {
		t.Errorf("a call for it got %d", code)
	}
	wantNoSecret(t, w)
}

func TestIntervalTooBrief(t *testing.T) {
	w := world(t, strings.Replace(line, "}", ", expires = 60 }", 1))
	tr := newTrunk(t, w)
	tr.deny = func(m *message.Message) (int, string) {
		if s, _ := m.Expires(); s < 1800 {
			return 423, "Min-Expires: 1800\r\n"
		}
		return 0, ""
	}
	w.Run(5 * time.Second)
	if got := state(t, w); got != "trunk registered left nil 200" {
		t.Error(got)
	}
	if end := tr.bound[ourContact]; end < 1800*time.Second {
		t.Errorf("bound until %v", end)
	}
	if n := events(t, w, "failed trunk"); n != 0 {
		t.Errorf("%d failures told", n)
	}
}

// Failures are tried again, less and less often; an answer ends that.
func TestBackOff(t *testing.T) {
	w := world(t, line)
	tr := newTrunk(t, w)
	var tries []time.Duration
	tr.deny = func(m *message.Message) (int, string) {
		tries = append(tries, w.Sim.Elapsed())
		return 500, ""
	}
	w.Run(2 * time.Hour)
	if got := state(t, w); got != "trunk failed none 500 Server Internal Error 500" {
		t.Error(got)
	}
	for i := 1; i < len(tries); i++ {
		least, most := 15*time.Second<<(i-1), 31*time.Second<<(i-1)
		if gap := tries[i] - tries[i-1]; gap < min(least, 15*time.Minute) || gap > min(most, 31*time.Minute) {
			t.Errorf("try %d came %v after the one before", i, gap)
		}
	}
	if n := len(tries); n < 9 || n > 16 {
		t.Errorf("%d tries in two hours", n)
	}
	tr.deny = nil
	w.Run(31 * time.Minute)
	if got := state(t, w); got != "trunk registered left nil 200" {
		t.Error(got)
	}
	if n, m := events(t, w, "registered trunk"), events(t, w, "failed trunk"); n != 1 || m != len(tries) {
		t.Errorf("%d events of success and %d of failure in %d tries", n, m, len(tries))
	}
}

// A wrong password is not tried again and again.
func TestWrongPassword(t *testing.T) {
	w := world(t, strings.Replace(line, "s3cret", "wrong", 1))
	tr := newTrunk(t, w)
	w.Run(14 * time.Minute)
	if n := len(tr.p.Requests("REGISTER")); n != 2 {
		t.Errorf("%d REGISTERs", n)
	}
	if got := state(t, w); got != "trunk failed none 401 Unauthorized 401" {
		t.Error(got)
	}
}

// While the trunk is silent the registration stands until it expires, and it comes back with it.
func TestSilentTrunk(t *testing.T) {
	w := world(t, strings.Replace(line, "}", ", expires = 600 }", 1))
	tr := newTrunk(t, w)
	w.Run(5 * time.Second)
	tr.silent = true
	w.Run(9*time.Minute + 30*time.Second)
	if got := state(t, w); got != "trunk registered left no final response arrived in time nil" {
		t.Error(got)
	}
	w.Run(time.Minute)
	if got := state(t, w); !strings.HasPrefix(got, "trunk failed none ") {
		t.Error(got)
	}
	tr.silent = false
	w.Run(31 * time.Minute)
	if got := state(t, w); got != "trunk registered left nil 200" {
		t.Error(got)
	}
	if n := events(t, w, "registered trunk"); n != 2 {
		t.Errorf("%d events", n)
	}
}

// A third of all datagrams is lost: no hour passes without a registration.
func TestRegisterWithLoss(t *testing.T) {
	w := world(t, line)
	w.Sim.SetLink(sim.Link{Delay: 5 * time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.33, Duplicate: 0.1})
	tr := newTrunk(t, w)
	w.Run(5 * time.Minute)
	for range 24 * 12 {
		if !tr.holds(ourContact) {
			t.Fatal("not registered")
		}
		w.Run(5 * time.Minute)
	}
}

// A reload leaves alone what did not change, registers what did, and unregisters what is gone. A
// script that is refused changes nothing.
func TestReload(t *testing.T) {
	second := "\n" + strings.NewReplacer(`"trunk"`, `"other"`, `sip:10.0.0.9"`, `sip:10.0.0.9", contact = "sip:second@10.0.0.1"`).Replace(line)
	f := newFile(t, line+second)
	w := f.w
	tr := newTrunk(t, w)
	w.Run(5 * time.Second)
	if !tr.holds(ourContact) || !tr.holds("sip:second@10.0.0.1") {
		t.Fatalf("bound %v", tr.bound)
	}
	sent := len(tr.p.Requests("REGISTER"))
	if err := f.reload(line + second + "\n-- nothing new"); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	if n := len(tr.p.Requests("REGISTER")); n != sent {
		t.Errorf("%d REGISTERs for nothing", n-sent)
	}
	if err := f.reload("local x = nil .. 'a script that fails'"); err == nil {
		t.Fatal("loaded")
	}
	w.Run(5 * time.Second)
	if n := len(tr.p.Requests("REGISTER")); n != sent {
		t.Errorf("a script that was refused sent %d REGISTERs", n-sent)
	}
	if err := f.reload(line); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	if !tr.holds(ourContact) || tr.holds("sip:second@10.0.0.1") {
		t.Errorf("bound %v", tr.bound)
	}
	if got := state(t, w); got != "trunk registered left nil 200" {
		t.Error(got)
	}
	if n := events(t, w, "unregistered other"); n != 1 {
		t.Errorf("%d events", n)
	}
	if err := f.reload(strings.Replace(line, "}", `, contact = "sip:new@10.0.0.1" }`, 1)); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	if tr.holds(ourContact) || !tr.holds("sip:new@10.0.0.1") {
		t.Errorf("bound %v", tr.bound)
	}
	if err := f.reload(strings.NewReplacer("}", `, contact = "sip:new@10.0.0.1" }`, "s3cret", "wrong").Replace(line)); err != nil {
		t.Fatal(err)
	}
	w.Run(5 * time.Second)
	if got := state(t, w); got != "trunk registered left 401 Unauthorized 401" {
		t.Error(got)
	}
}

// An account is led another way to the same registrar, and the REGISTERs of before are late: they
// don't take away what is bound again.
func TestReloadToAnotherWay(t *testing.T) {
	f := newFile(t, line)
	w := f.w
	tr := newTrunk(t, w)
	w.Run(5 * time.Second)
	if err := f.reload(strings.Replace(line, "}", `, proxy = "sip:10.0.0.9:5060;lr" }`, 1)); err != nil {
		t.Fatal(err)
	}
	late := w.Sim.Elapsed() + 2*time.Second
	tr.lose = func(m *message.Message) bool {
		s, _ := m.Expires()
		return s == 0 && w.Sim.Elapsed() < late
	}
	w.Run(10 * time.Second)
	if got := state(t, w); got != "trunk registered left nil 200" || !tr.holds(ourContact) || len(tr.times) != 2 {
		t.Errorf("%s; bound %v, registered %d times", got, tr.bound, len(tr.times))
	}
}

// Mistakes are told when the file loads.
func TestMistakes(t *testing.T) {
	for script, want := range map[string]string{
		`uac.register {}`: "registrar is required",
		`uac.register { registrar = "sip:a", user = "x" }`:                   "password is required",
		`uac.register { registrar = "tel:5", user = "x", password = "y" }`:   "is not a sip uri",
		`uac.register { registrar = "sip:a b", user = "x", password = "y" }`: "bad uri",
		`uac.register { registrar = "sip:a", user = "", password = "y" }`:    "user is required",
		line + "\n" + line: "already",
		`uac.register { registrar = "sip:a", user = "x", password = "y", z = 1}`: "z",
		`uac.configure { retry = 60, max_retry = 30 }`:                           "not less",
		`uac.registrations()`: "handler",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, head+script, modules())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", script, err, want)
			}
		})
	}
}
