package luabind

// What was probably meant.

import (
	"fmt"
	"strings"
)

// suggest is "; did you mean 'x'?" if a known name is close to what was written.
func suggest(name string, known []string) string {
	if best := closest(name, known); best != "" {
		return fmt.Sprintf("; did you mean '%s'?", best)
	}
	return ""
}

// suggestOrList is suggest, or lists the known names.
func suggestOrList(name string, known []string) string {
	if s := suggest(name, known); s != "" {
		return s
	}
	return "; it has " + strings.Join(known, ", ")
}

// Closest is the known name that was probably meant by a name, or "" if none is close.
func Closest(name string, known []string) string { return closest(name, known) }

func closest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(name, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best != "" || len(name) < 3 {
		return best
	}
	for _, k := range known { // "warning" for "warn", "cred" for "credentials"
		if len(k) >= 3 && (strings.HasPrefix(name, k) || strings.HasPrefix(k, name)) {
			return k
		}
	}
	return ""
}

// distance is the Levenshtein distance of two short names.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
