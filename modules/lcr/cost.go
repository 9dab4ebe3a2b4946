package lcr

// Costs, exactly.

import (
	"fmt"
	"strconv"
	"strings"
)

// Cost is an amount of money in billionths of whatever unit the rates are in: 0.1 and 0.2 make 0.3.
type Cost int64

const (
	// places is how many decimal places a cost may have.
	places = 9
	unit   = 1_000_000_000
	// mostCost bounds a cost, in the unit of the rates.
	mostCost = 1_000_000_000
)

// ParseCost reads a decimal number, such as "0.0125".
func ParseCost(text string) (Cost, error) {
	whole, part, _ := strings.Cut(text, ".")
	bad := func() (Cost, error) {
		return 0, fmt.Errorf("must be a decimal number such as 0.0125, from 0 to %d and with at most %d places, not %.40q", mostCost, places, text)
	}
	if whole == "" && part == "" || len(whole) > 10 {
		return bad()
	}
	if len(part) > places { // zeros at the end say nothing
		if part = strings.TrimRight(part, "0"); len(part) > places {
			return bad()
		}
	}
	var n int64
	for _, digits := range [...]string{whole, part} {
		for i := range len(digits) {
			if digits[i] < '0' || digits[i] > '9' {
				return bad()
			}
			n = n*10 + int64(digits[i]-'0')
		}
	}
	for range places - len(part) {
		n *= 10
	}
	if n > mostCost*unit {
		return bad()
	}
	return Cost(n), nil
}

// UnmarshalText reads a decimal number.
func (c *Cost) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCost(string(text))
	return err
}

// Float is the cost as a script has it: the number nearest to it.
func (c Cost) Float() float64 {
	f, err := strconv.ParseFloat(c.String(), 64)
	if err != nil { // of a text that is a number
		return 0
	}
	return f
}

// String is the decimal number, without zeros at its end.
func (c Cost) String() string {
	text := fmt.Sprintf("%d.%09d", c/unit, c%unit)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
