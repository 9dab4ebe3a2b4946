//go:build !race

package luabind_test

const raceEnabled = false
