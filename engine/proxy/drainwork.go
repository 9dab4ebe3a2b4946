package proxy

import "github.com/sipscript/sipscript/engine/lane"

// Do handles the events of a context that were put off.
func (w *drainWork) Do(*lane.Lane) { (*Context)(w).drain() }
