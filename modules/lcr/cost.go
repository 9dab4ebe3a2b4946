package lcr

// Costs, exactly.

import (
	"bytes"
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
func ParseCost(text string) (c Cost, err error) {
	err = c.UnmarshalText([]byte(text))
	return c, err
}

// UnmarshalText reads a decimal number.
func (c *Cost) UnmarshalText(text []byte) error {
	n, ok := costOf(text)
	if !ok {
		return fmt.Errorf("must be a decimal number such as 0.0125, from 0 to %d and with at most %d places, not %.40q", mostCost, places, string(text))
	}
	*c = n
	return nil
}

func costOf(text []byte) (Cost, bool) {
	whole, part, _ := bytes.Cut(text, []byte{'.'})
	if len(whole) == 0 && len(part) == 0 || len(whole) > 10 {
		return 0, false
	}
	if len(part) > places { // zeros at the end say nothing
		if part = bytes.TrimRight(part, "0"); len(part) > places {
			return 0, false
		}
	}
	var n int64
	for _, digits := range [...][]byte{whole, part} {
		for _, c := range digits {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int64(c-'0')
		}
	}
	for range places - len(part) {
		n *= 10
	}
	return Cost(n), n <= mostCost*unit
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
