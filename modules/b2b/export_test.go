package b2b

import "runtime"

// Written waits until what was noted of legs is in the files.
func Written(m *B2B) {
	for m.kept.files.Stats().Memory > 0 {
		runtime.Gosched()
	}
}
