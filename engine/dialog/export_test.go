package dialog

// Dials reports whether the leg is called, or waits for who is.
func Dials(l *Leg) bool { return l.hunt != nil }

// Notifies reports whether its party has NOTIFYs to answer, before it is ended.
func Notifies(l *Leg) bool { return l.rare != nil && l.rare.notes > 0 }
