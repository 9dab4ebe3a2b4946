//go:build !linux

package largepages

// Join does nothing here.
func Join[T any](list []T) (joined bool) { return false }
