package source

// The state of a list as the admin API and commands show it.

import (
	"errors"
	"strconv"
	"time"
)

// State is the state of a list for people and programs outside.
type State struct {
	Source   string     `json:"source"`                // where it comes from, without a password
	Entries  int        `json:"entries"`               // in the list that is in force
	Loaded   time.Time  `json:"loaded"`                // when it was read
	Stale    *time.Time `json:"stale_since,omitempty"` // since when it could not be read again
	Failures uint64     `json:"failures"`              // readings that failed since the start
}

// ErrFunction is the error of reading a list again from outside of scripts.
var ErrFunction = errors.New("the list comes from a function of the script, which only a script's reload() calls")

// State reads it.
func (l *List[V]) State() State {
	s := l.Stats()
	st := State{Source: l.from, Entries: s.Entries, Loaded: s.Loaded.UTC(), Failures: s.Failures}
	if !s.Stale.IsZero() {
		stale := s.Stale.UTC()
		st.Stale = &stale
	}
	return st
}

// StateColumns are the names of the columns of Row.
func StateColumns() []string { return []string{"READ", "STALE SINCE", "FAILURES", "SOURCE"} }

// Row is the state as columns of a table.
func (s *State) Row() []string {
	stale := ""
	if s.Stale != nil {
		stale = s.Stale.Format(time.RFC3339)
	}
	return []string{s.Loaded.Format(time.RFC3339), stale, strconv.FormatUint(s.Failures, 10), s.Source}
}
