package dialog

// Taking two legs apart that were joined.

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
