//go:build race

package luabind_test

const raceEnabled = true
