package dialog

import (
	"fmt"
	"math/bits"
	"testing"
)

// seen is a state with what happened on the way to it.
type seen struct {
	state
	ends, byes int // told to the owner; sent or received
}

// walk goes through all states that any order of events leads to, until a step breaks a rule.
func walk(first state, step func(state, event) (state, action)) (states int, wrong string) {
	known := map[seen]bool{}
	next := []seen{{state: first}}
	for len(next) > 0 {
		s := next[0]
		next = next[1:]
		if known[s] {
			continue
		}
		known[s] = true
		for e := event(0); e < eventsCount; e++ {
			if (e == evRefused || e == evLost) && s.out == outNone {
				continue
			}
			to, do := step(s.state, e)
			after := seen{to, s.ends, s.byes}
			if do&doEnd != 0 {
				after.ends++
			}
			if do&doBye != 0 || e == evBye && s.opened {
				after.byes = min(after.byes+1, 3)
			}
			if wrong := rules(s, after, e, do); wrong != "" {
				return len(known), fmt.Sprintf("%+v, event %d → %+v, actions %b: %s", s, e, to, do, wrong)
			}
			next = append(next, after)
		}
	}
	return len(known), ""
}

// rules are what each step must hold to; a row of TestRulesAreFound breaks one.
func rules(before, after seen, e event, do action) string {
	finals := bits.OnesCount32(uint32(do & (doAnswer | doRefuse | doTerminated)))
	switch {
	case after.ends > 1:
		return "the leg ends twice"
	case (after.phase == over) != (after.ends == 1):
		return "its owner is not told of the end"
	case do&doBye != 0 && after.in == inAccepted:
		return "a BYE before the ACK (§15)"
	case do&doBye != 0 && before.in == inAccepted && e != evAcked && e != evUnacked:
		return "a BYE in place of the ACK"
	case do&doBye != 0 && !after.opened:
		return "a BYE where there is no dialog"
	case do&doBye != 0 && before.byes > 0:
		return "a second BYE"
	case before.out == outAccepted && after.out != outAccepted && do&doAck == 0:
		return "a 2xx without an ACK (§13.2.2.4)"
	case e == evAccepted && before.out != outNone && after.out != outAccepted && do&doAck == 0:
		return "a late 2xx without an ACK"
	case after.done() && after.opened && after.byes == 0:
		return "a dialog is left behind without a BYE"
	case before.in == inOpen && after.in != inOpen && finals != 1, before.in != inOpen && finals > 0 && before.phase != ringing:
		return fmt.Sprintf("%d final answers to an INVITE", finals)
	case after.phase == over && after.out == outSent:
		return "an INVITE is left open, which nothing bounds"
	case before.in == inAccepted && after.in != inAccepted && do&doStop == 0:
		return "the 2xx is repeated for ever"
	case e == evBye && do&doOK == 0:
		return "a BYE without an answer"
	case e == evInvited && bits.OnesCount32(uint32(do&(doOpen|doPending|doLater|doGone))) != 1:
		return "an INVITE without an outcome"
	case do&doOpen != 0 && (before.out != outNone || before.in != inNone):
		return "two negotiations at once (§14.2)"
	case do&doInvite != 0 && (before.in != inNone || before.out != outNone):
		return "an INVITE of ours into another one (§14.1)"
	}
	return ""
}

// Every order of events keeps the rules, from both ends.
func TestEveryState(t *testing.T) {
	for _, c := range []struct {
		name  string
		first state
		least int
	}{
		{"called", state{phase: ringing, in: inOpen}, 10},
		{"calling", state{phase: calling, out: outSent}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, wrong := walk(c.first, step)
			if wrong != "" || n < c.least {
				t.Errorf("%d states: %s", n, wrong)
			}
			t.Logf("%d states", n)
		})
	}
}

// The rules notice a machine that breaks them.
func TestRulesAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		first state
		wrong func(s state, e event) (state, action)
	}{
		{"BYE before ACK", state{phase: ringing, in: inOpen}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			if e == evHangUp && s.in == inAccepted {
				to.bye = false
				do |= doBye
			}
			return to, do
		}},
		{"no ACK", state{phase: calling, out: outSent}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			return to, do &^ doAck
		}},
		{"no BYE after a crossing 2xx", state{phase: calling, out: outSent}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			if e == evAccepted {
				do &^= doBye
			}
			return to, do
		}},
		{"two ends", state{phase: calling, out: outSent}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			if e == evBye {
				do |= doEnd
			}
			return to, do
		}},
		{"glare", state{phase: ringing, in: inOpen}, func(s state, e event) (state, action) {
			if e == evInvited && s.out != outNone && s.phase == up && s.in == inNone {
				s.in = inOpen
				return s, doOpen
			}
			return step(s, e)
		}},
		{"an INVITE left open", state{phase: ringing, in: inOpen}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			if e == evBye && s.phase == up && s.out == outSent {
				to.out = outSent
				do &^= doCancel
			}
			return to, do
		}},
		{"silence", state{phase: ringing, in: inOpen}, func(s state, e event) (state, action) {
			to, do := step(s, e)
			if e == evCancel {
				do &^= doTerminated
			}
			return to, do
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, wrong := walk(c.first, c.wrong); wrong == "" {
				t.Error("nobody noticed")
			}
		})
	}
}
