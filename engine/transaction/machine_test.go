package transaction

import (
	"slices"
	"strings"
	"testing"
)

// The four tables, written down a second time as the figures have them: a line for each arrow. What
// has no line must have no meaning.

var eventTexts = map[event]string{
	evRequest: "request", evAck: "ACK", ev1xx: "1xx", ev2xx: "2xx", ev3xx: "300-699", ev408: "408", evCancel: "cancel",
	evError: "transport error", evTimerA: "A", evTimerB: "B", evTimerD: "D", evTimerE: "E", evTimerF: "F", evTimerG: "G",
	evTimerH: "H", evTimerI: "I", evTimerJ: "J", evTimerK: "K", evTimerL: "L", evTimerM: "M", evTimerTrying: "trying",
}

var actionTexts = []string{"send", "keep", "send again", "send ACK", "send CANCEL", "send 100", "pass", "fail", "stop", "drop", "count", "await 1xx"}

func lineOf(s State, e event, t transition) string {
	var do []string
	for i, text := range actionTexts {
		if t.do&(1<<i) != 0 {
			do = append(do, text)
		}
	}
	for _, name := range []timer{t.again, t.end} {
		if name != none {
			do = append(do, "start "+eventTexts[evTimer+event(name)])
		}
	}
	from := s.String()
	if s == start {
		from = "-"
	}
	return strings.TrimSuffix(from+" | "+eventTexts[e]+" | "+t.next.String()+" | "+strings.Join(do, ", "), " ")
}

func checkTable(t *testing.T, m *machine, figure string) {
	t.Helper()
	want := map[string]bool{}
	for line := range strings.Lines(figure) {
		if line = strings.TrimSpace(line); line != "" {
			want[line] = true
		}
	}
	for s := range stateCount {
		for e := range eventCount {
			tr := m.step(s, e)
			if tr == (transition{}) {
				continue
			}
			if line := lineOf(s, e, tr); want[line] {
				delete(want, line)
			} else {
				t.Errorf("not in the figure: %q", line)
			}
		}
	}
	for line := range want {
		t.Errorf("not in the table: %q", line)
	}
}

func TestInviteClientTable(t *testing.T) {
	checkTable(t, &inviteClient, `
		- | request | Calling | send, keep, start A, start B
		Calling | A | Calling | send again, start A
		Calling | B | Terminated | fail, stop, count
		Calling | transport error | Terminated | fail, stop
		Calling | cancel | Calling | await 1xx
		Calling | 1xx | Proceeding | pass, stop
		Calling | 2xx | Accepted | pass, stop, drop, start M
		Calling | 300-699 | Completed | send ACK, pass, stop, start D
		Proceeding | B | Terminated | fail, stop, count
		Proceeding | cancel | Proceeding | send CANCEL, start B
		Proceeding | 1xx | Proceeding | pass
		Proceeding | 2xx | Accepted | pass, stop, drop, start M
		Proceeding | 300-699 | Completed | send ACK, pass, stop, start D
		Completed | 2xx | Completed | pass
		Completed | 300-699 | Completed | send again
		Completed | transport error | Terminated | stop
		Completed | D | Terminated | stop
		Accepted | 2xx | Accepted | pass
		Accepted | M | Terminated | stop
	`)
}

func TestInviteServerTable(t *testing.T) {
	checkTable(t, &inviteServer, `
		- | request | Proceeding | pass, start trying
		Proceeding | request | Proceeding | send again
		Proceeding | trying | Proceeding | send 100
		Proceeding | 1xx | Proceeding | send, keep, stop
		Proceeding | 2xx | Accepted | send, stop, drop, start L
		Proceeding | 300-699 | Completed | send, keep, stop, start G, start H
		Proceeding | 408 | Completed | send, keep, stop, start G, start H
		Proceeding | transport error | Proceeding |
		Completed | request | Completed | send again
		Completed | ACK | Confirmed | stop, drop, start I
		Completed | G | Completed | send again, start G
		Completed | H | Terminated | stop, count
		Completed | transport error | Completed |
		Confirmed | request | Confirmed |
		Confirmed | ACK | Confirmed |
		Confirmed | I | Terminated | stop
		Accepted | request | Accepted |
		Accepted | ACK | Accepted | pass
		Accepted | 2xx | Accepted | send
		Accepted | L | Terminated | stop
		Accepted | transport error | Accepted |
	`)
}

func TestNonInviteClientTable(t *testing.T) {
	checkTable(t, &nonInviteClient, `
		- | request | Trying | send, keep, start E, start F
		Trying | E | Trying | send again, start E
		Trying | F | Terminated | fail, stop, count
		Trying | transport error | Terminated | fail, stop
		Trying | 1xx | Proceeding | pass
		Trying | 2xx | Completed | pass, stop, drop, start K
		Trying | 300-699 | Completed | pass, stop, drop, start K
		Proceeding | E | Proceeding | send again, start E
		Proceeding | F | Terminated | fail, stop, count
		Proceeding | transport error | Terminated | fail, stop
		Proceeding | 1xx | Proceeding | pass
		Proceeding | 2xx | Completed | pass, stop, drop, start K
		Proceeding | 300-699 | Completed | pass, stop, drop, start K
		Completed | 2xx | Completed |
		Completed | 300-699 | Completed |
		Completed | K | Terminated | stop
	`)
}

func TestNonInviteServerTable(t *testing.T) {
	checkTable(t, &nonInviteServer, `
		- | request | Trying | pass, start trying
		Trying | request | Trying |
		Trying | trying | Proceeding | send 100
		Trying | 1xx | Proceeding | send, keep, stop
		Trying | 2xx | Completed | send, keep, stop, start J
		Trying | 300-699 | Completed | send, keep, stop, start J
		Trying | 408 | Completed | stop, drop, start J
		Proceeding | request | Proceeding | send again
		Proceeding | 1xx | Proceeding | send, keep
		Proceeding | 2xx | Completed | send, keep, stop, start J
		Proceeding | 300-699 | Completed | send, keep, stop, start J
		Proceeding | 408 | Completed | stop, drop, start J
		Proceeding | transport error | Terminated | stop
		Completed | request | Completed | send again
		Completed | J | Terminated | stop
		Completed | transport error | Terminated | stop
	`)
}

// Whatever the order of events, a machine can be left: every state but the last has a timer or an
// event to Terminated, and nothing leads out of Terminated.
func TestMachinesEnd(t *testing.T) {
	for i, m := range []*machine{&inviteClient, &inviteServer, &nonInviteClient, &nonInviteServer} {
		if slices.ContainsFunc(m[Terminated][:], func(tr transition) bool { return tr != transition{} }) {
			t.Errorf("machine %d: Terminated has a way out", i)
		}
		reach := map[State]bool{Terminated: true}
		for range stateCount {
			for s := range stateCount {
				if slices.ContainsFunc(m[s][:], func(tr transition) bool { return reach[tr.next] && tr.next != start }) {
					reach[s] = true
				}
			}
		}
		for s := range stateCount {
			if m[s] != ([eventCount]transition{}) && !reach[s] {
				t.Errorf("machine %d: no way out of %v", i, s)
			}
		}
	}
}

// A timer that bounds a state runs out into Terminated from the state it was started for: one of
// length zero is stepped at once.
func TestTimersEndTheirState(t *testing.T) {
	for i, m := range []*machine{&inviteClient, &inviteServer, &nonInviteClient, &nonInviteServer} {
		for s := range stateCount {
			for _, tr := range m[s] {
				if tr.end == none || tr.end == timerTrying {
					continue
				}
				if got := m.step(tr.next, evTimer+event(tr.end)).next; got != Terminated {
					t.Errorf("machine %d: timer %d of %v leads to %v", i, tr.end, tr.next, got)
				}
			}
		}
	}
}
