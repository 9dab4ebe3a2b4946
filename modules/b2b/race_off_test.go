//go:build !race

package b2b_test

const raceEnabled = false
