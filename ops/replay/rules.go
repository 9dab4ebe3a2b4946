package replay

// Which differences are too many for a script to take over.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Rule refuses a script if too many requests differ in one kind.
type Rule struct {
	Kind  Kind    // "any": in whichever
	Most  int     // so many may
	Share float64 // in place of Most, if it is more than 0: that part of those compared may
}

// anyKind is the kind of a rule for all of them.
const anyKind Kind = "any"

// DefaultRules are those of a gate that names none.
const DefaultRules = "errors,refused"

// ReadRules reads "errors,targets=10,codes=1%". A kind alone allows no request to differ in it.
func ReadRules(text string) (list []Rule, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, number, given := strings.Cut(strings.TrimSpace(part), "=")
		r := Rule{Kind: Kind(name)}
		if r.Kind != anyKind && !slices.Contains(kinds(), r.Kind) {
			return nil, fmt.Errorf("%.40q is not a rule: expected %s", name, ruleNames())
		}
		if slices.ContainsFunc(list, func(x Rule) bool { return x.Kind == r.Kind }) {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		if given {
			if err := r.readLimit(number); err != nil {
				return nil, fmt.Errorf("%s=%.40s: %w", name, number, err)
			}
		}
		list = append(list, r)
	}
	return list, nil
}

func (r *Rule) readLimit(text string) error {
	if number, share := strings.CutSuffix(text, "%"); share {
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || !(x >= 0 && x <= 100) {
			return fmt.Errorf("expected a share such as 1%%")
		}
		r.Share = x / 100
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("expected how many requests may differ, such as 10 or 1%%")
	}
	r.Most = n
	return nil
}

func ruleNames() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ") + " or any"
}

// most is how many of those compared may differ.
func (r *Rule) most(compared int) int {
	if r.Share > 0 {
		return int(math.Floor(r.Share * float64(compared)))
	}
	return r.Most
}

// Gate is whether a script may take over.
type Gate struct {
	Passed bool     `json:"passed" doc:"it may take over"`
	Why    []string `json:"why,omitempty" doc:"why not"`
}

// Judge says whether the new script may take over. It may not if nothing was compared: nobody knows
// what it does.
func (r *Report) Judge(rules []Rule) Gate {
	g := Gate{Passed: true}
	refuse := func(format string, args ...any) {
		g.Passed = false
		g.Why = append(g.Why, fmt.Sprintf(format, args...))
	}
	if r.Compared == 0 {
		refuse("no request could be compared")
	}
	for _, rule := range rules {
		n := r.Kinds[rule.Kind]
		if rule.Kind == anyKind {
			n = r.Compared - r.Same
		}
		if most := rule.most(r.Compared); n > most {
			refuse("%s: %d of %d requests differ, and %d may", rule.Kind, n, r.Compared, most)
		}
	}
	return g
}
