//go:build !race

package engine_test

const raceEnabled = false

// mostHostile is how many messages a test of hostile ones sends where nobody says how many.
const mostHostile = 6000
