package dialog

// Taking legs apart.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
)

// WhyParted is why a bridge ended whose legs were taken apart: neither has ended.
const WhyParted = "parted"

// Part ends the bridge that the leg is in, and neither leg: done is told WhyParted. It reports
// false if there is none.
func (l *Leg) Part() bool {
	if l.bridge == nil {
		return false
	}
	l.bridge.finish(nil, WhyParted)
	return true
}

// CallOff ends the dial that the leg waits for, and neither that leg nor its caller: the others are
// cancelled, and done is told of a 487 with the cause "cancelled". It reports false if there is
// none.
func (l *Leg) CallOff() bool {
	if l.hunt == nil || l.hunt.a != l {
		return false
	}
	l.hunt.finish(nil, proxy.NewResponse(487, engine.CauseCancelled, nil))
	return true
}
