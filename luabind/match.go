package luabind

// Match tells whether a Lua pattern matches anywhere in text, as string.find does; an error says what is wrong with the pattern.
func Match(text, pattern string) (bool, error) {
	var m matcher
	at, _, err := m.find(text, pattern, 0)
	return err == nil && at != noMatch, err
}
