package luabind_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// order = "parallel" | "serial" | "q", and failover: which phones ring when, told by the second in
// which each INVITE came.
func TestContractOrderAndFailover(t *testing.T) {
	const (
		a, b, c = `"sip:b@10.0.0.7"`, `"sip:b@10.0.0.8"`, `"sip:b@10.0.0.9"`
		list    = `{` + a + `,` + b + `,` + c + `}`
	)
	q := func(x, y, z string) string {
		return fmt.Sprintf(`{{uri = %s, q = %s}, {uri = %s, q = %s}, {uri = %s, q = %s}}`, a, x, b, y, c, z)
	}
	for _, s := range []struct {
		args  string
		codes [3]int // of the phones, 0: rings
		want  string // second of each INVITE, and the answer
	}{
		{list, [3]int{0, 0, 0}, "0 0 0 cancelled"},
		{list + `, {order = "parallel"}`, [3]int{0, 0, 0}, "0 0 0 cancelled"},
		{list + `, {order = "serial", timeout = 5}`, [3]int{0, 0, 0}, "0 5 10 408"},
		{list + `, {order = "serial", timeout = 5}`, [3]int{0, 0, 200}, "0 5 10 200"},
		{list + `, {order = "serial"}`, [3]int{486, 503, 302}, "0 0 0 302"},
		{list + `, {order = "serial"}`, [3]int{486, 603, 200}, "0 0 - 603"},
		{q("0.5", "1", "0.5") + `, {order = "q", timeout = 5}`, [3]int{0, 0, 0}, "5 0 5 408"},
		{q("0.1", "0.2", "0.3") + `, {order = "q", timeout = 5}`, [3]int{0, 0, 0}, "10 5 0 408"},
		{q("1", "1", "0.5") + `, {order = "q", timeout = 5}`, [3]int{486, 0, 404}, "0 0 5 486"},
		{`{{uri = ` + a + `}, {uri = ` + b + `, q = 0.3}, {uri = ` + c + `, q = 0.7}}, {order = "q", q = 0.5, timeout = 5}`, [3]int{0, 0, 0}, "5 10 0 408"},
		{list + `, {order = "serial", failover = 486}`, [3]int{486, 404, 200}, "0 0 - 486"},
		{list + `, {order = "serial", failover = {486, "4xx"}}`, [3]int{486, 404, 200}, "0 0 0 200"},
		{list + `, {order = "serial", failover = "5xx"}`, [3]int{500, 599, 404}, "0 0 0 404"},
		{list + `, {order = "serial", failover = "5XX"}`, [3]int{486, 200, 200}, "0 - - 486"},
		{list + `, {order = "serial", failover = "gateway"}`, [3]int{500, 504, 486}, "0 0 0 486"},
		{list + `, {order = "serial", failover = "gateway"}`, [3]int{501, 200, 200}, "0 - - 501"},
		{list + `, {order = "serial", failover = "gateway", timeout = 5}`, [3]int{0, 408, 200}, "0 - - 408"}, // it rang,
		{list + `, {order = "serial", failover = function(res) return res.failed end}`, [3]int{503, 486, 200}, "0 0 - 486"},
		{list + `, {order = "serial", failover = {}}`, [3]int{503, 200, 200}, "0 - - 500"},
		{list + `, {order = "serial", failover = {"6xx"}}`, [3]int{603, 200, 200}, "0 0 - 200"},
		{list + `, {order = "serial", failover = 408, timeout = 5}`, [3]int{0, 486, 200}, "0 5 - 486"},
		{list + `, {order = "serial", failover = function(res) return res.code ~= 486 end}`, [3]int{404, 486, 200}, "0 0 - 404"},
		{list + `, {order = "serial", failover = function(res) sip.sleep(3) return res.target == ` + a + ` end}`, [3]int{404, 486, 200}, "0 3 - 404"},
		{list + `, {order = "serial", failover = function(res) error("x") end}`, [3]int{404, 486, 200}, "0 - - 404"},
		{`{` + a + `, {uri = ` + b + `, delay = 4}, {uri = ` + c + `, delay = 8}}, {timeout = 15}`, [3]int{0, 0, 0}, "0 4 8 408"},
		{`{` + a + `, {uri = ` + b + `, delay = 4}}, {delay = 2, timeout = 20}`, [3]int{0, 0, 0}, "2 4 - 408"},
		{`{` + a + `, ` + a + `}`, [3]int{486, 0, 0}, "0 - - 486"},
	} {
		t.Run(s.args, func(t *testing.T) {
			w := scene(t, `req:relay(`+s.args+`)`)
			var at [3]string
			for i, code := range s.codes {
				at[i] = "-"
				code := []int{180, code}
				if code[1] == 0 {
					code = code[:1]
				}
				p := newPhone(w, fmt.Sprintf("10.0.0.%d:5060", 7+i), "", code...)
				p.watch(func() { at[i] = fmt.Sprint(int(w.Sim.Elapsed() / time.Second)) })
			}
			c := call(w)
			w.Run(28 * second)
			end := fmt.Sprint(status(c.last()))
			if end == "180" {
				c.cancel()
				w.Run(second)
				if status(c.last()) == 487 {
					end = "cancelled"
				}
			}
			if got := strings.Join(append(at[:], end), " "); got != s.want {
				t.Errorf("%s %v\n got %s\nwant %s\n%s", s.args, s.codes, got, s.want, w.Log())
			}
		})
	}
}

// "timeout: to a final response; ring_timeout: from its first 18x; reply_timeout: to any response;
// per target. At expiry the branch is cancelled and counts as 408 at once".
func TestContractThreeTimeouts(t *testing.T) {
	const b = `"sip:b@10.0.0.9"`
	for _, s := range []struct {
		args  string
		codes []int
		want  string
	}{
		{b + `, {timeout = 5}`, []int{180}, "5 408 timeout, CANCEL"},
		{b + `, {timeout = 5}`, []int{100}, "5 408 timeout, CANCEL"},
		{b + `, {timeout = 5}`, nil, "5 408 timeout"},
		{b + `, {ring_timeout = 5}`, []int{183, 180}, "5 408 timeout, CANCEL"},
		{b + `, {ring_timeout = 5, timeout = 9}`, []int{183}, "5 408 timeout, CANCEL"},
		{b + `, {ring_timeout = 5, timeout = 9}`, []int{100, 199}, "9 408 timeout, CANCEL"},
		{b + `, {ring_timeout = 5, timeout = 3}`, []int{180}, "3 408 timeout, CANCEL"},
		{b + `, {reply_timeout = 5}`, nil, "5 408 timeout"},
		{b + `, {reply_timeout = 5, timeout = 9}`, []int{100}, "9 408 timeout, CANCEL"},
		{`{uri = ` + b + `, timeout = 5}`, []int{180}, "5 408 timeout, CANCEL"},
		{`{{uri = ` + b + `, timeout = 5}}, {timeout = 9}`, []int{180}, "5 408 timeout, CANCEL"},
		{`{{uri = ` + b + `, ring_timeout = 9}}, {ring_timeout = 5}`, []int{180}, "9 408 timeout, CANCEL"},
		{`{{uri = ` + b + `, timeout = 2.5}, {uri = "sip:b@10.0.0.66", reply_timeout = 6}}`, []int{180}, "6 408 timeout, CANCEL"},
		{b + `, {timeout = 5}`, []int{486}, "0 486 nil"},
	} {
		t.Run(s.args, func(t *testing.T) {
			w := scene(t, `
local start = sip.now()
local res = req:fork(`+s.args+`)
sip.log.info("result %d %d %s", math.floor(sip.now() - start + 0.001), res.code, tostring(res.cause))
req:reply(res)`)
			p := newPhone(w, "10.0.0.9:5060", "", s.codes...)
			call(w)
			w.Run(40 * second)
			want, cancelled := strings.CutSuffix(s.want, ", CANCEL")
			logs(t, w, "result "+want)
			if got := len(p.Requests("CANCEL")); (got > 0) != cancelled {
				t.Errorf("%s %v: %d CANCELs", s.args, s.codes, got)
			}
		})
	}
}

// "its late 2xx still wins": a 200 that crosses the CANCEL of an expired branch reaches the caller,
// and the script's voicemail is not asked.
func TestContractLateSuccessWins(t *testing.T) {
	w := scene(t, `
local res = req:fork("sip:b@10.0.0.9", {timeout = 5})
sip.log.info("first %d", res.code)
local second = req:fork("sip:voicemail@10.0.0.8", {timeout = 30})
sip.log.info("second %d answered %s", second.code, tostring(req.answered))`)
	p := newPhone(w, "10.0.0.9:5060", "", 180)
	p.ignoreCancel = true
	vm := newPhone(w, "10.0.0.8:5060", "", 180)
	c := call(w)
	w.Run(6 * second)
	p.answer(200, "")
	w.Run(10 * second)
	if c.codes() != "180 200" || len(vm.Requests("CANCEL")) == 0 {
		t.Errorf("the caller got %s, the voicemail %d CANCELs", c.codes(), len(vm.Requests("CANCEL")))
	}
	logs(t, w, "first 408", "second 200 answered 200")
}

// "Losing branches get Reason: SIP;cause=200".
func TestContractLosersAreToldWhy(t *testing.T) {
	w := scene(t, `req:relay{"sip:b@10.0.0.9", "sip:b@10.0.0.8"}`)
	loser, winner := newPhone(w, "10.0.0.9:5060", "", 180), newPhone(w, "10.0.0.8:5060", "", 180)
	call(w)
	w.Run(second)
	winner.answer(200, "")
	w.Run(second)
	list := loser.Requests("CANCEL")
	if len(list) != 1 || !strings.HasPrefix(string(list[0].HeaderName("Reason")), "SIP;cause=200") || len(winner.Requests("CANCEL")) != 0 {
		t.Errorf("%d CANCELs", len(list))
	}
}

// "req:cancel([reason])" ends all branches with that Reason; no further target is tried.
func TestContractCancelByTheScript(t *testing.T) {
	for args, want := range map[string]string{
		``:                            "",
		`'Q.850;cause=16;text="bye"'`: `Q.850;cause=16;text="bye"`,
		`"SIP;cause=480"`:             "SIP;cause=480",
		`"no credit"`:                 `SIP;text="no credit"`,
		`'she said "no"'`:             `SIP;text="she said \"no\""`,
	} {
		t.Run(args, func(t *testing.T) {
			w := scene(t, `
sip.spawn(function() sip.sleep(2) req:cancel(`+args+`) end)
local res = req:fork({"sip:b@10.0.0.9", "sip:b@10.0.0.8"}, {order = "serial"})
sip.log.info("ended %d cancelled %s", res.code, req.cancelled)
req:reply(404)`)
			p, next := newPhone(w, "10.0.0.9:5060", "", 180), newPhone(w, "10.0.0.8:5060", "", 180)
			c := call(w)
			w.Run(10 * second)
			list := p.Requests("CANCEL")
			if len(list) != 1 || string(list[0].HeaderName("Reason")) != want || c.codes() != "180 404" || len(next.Got) != 0 {
				t.Errorf("cancel(%s): %d CANCELs, the caller got %s", args, len(list), c.codes())
				if len(list) > 0 {
					t.Errorf("Reason %q", list[0].HeaderName("Reason"))
				}
			}
			logs(t, w, "ended 487 cancelled false")
		})
	}
}

// follow_redirects: contacts of a 3xx become targets.
func TestContractFollowRedirects(t *testing.T) {
	for opts, want := range map[string]int{`{follow_redirects = true}`: 200, `{follow_redirects = false}`: 302, `{}`: 302} {
		t.Run(opts, func(t *testing.T) {
			w := scene(t, `req:relay("sip:b@10.0.0.9", `+opts+`)`)
			newPhone(w, "10.0.0.9:5060", "Contact: <sip:b@10.0.0.8>\r\n", 302)
			newPhone(w, "10.0.0.8:5060", "", 200)
			c := call(w)
			w.Run(2 * second)
			if got := status(c.last()); got != want {
				t.Errorf("%s: got %d", opts, got)
			}
		})
	}
}
