package dialplan

// Numbers as people write and dial them, and E.164.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNumber is the error, wrapped, of a text that is not a number of the public network.
var ErrNumber = errors.New("not a number")

// Habits are how numbers are dialled in one country.
type Habits struct {
	Country       string   `lua:"country,required" doc:"the country code, such as \"49\""`
	International []string `lua:"international" default:"the country's" doc:"what is dialled before a country code, or several of these"`
	// National is what precedes a national number: nil: the country's, "" for none.
	National []string `lua:"national" default:"the country's" doc:"what is dialled before a national number, or several of these; \"\" where numbers are always dialled whole"`
	Area     string   `lua:"area" doc:"the area code, for numbers that are dialled without it; without area they are refused"`
	Digits   int      `lua:"digits" min:"0" max:"15" default:"the country's, or any" doc:"how many digits a national number has, where all have the same: so many need no national prefix"`
}

const (
	// mostDigits and leastDigits bound a number with its country code (ITU-T E.164 §6.2.1; the
	// shortest in use have 7).
	mostDigits  = 15
	leastDigits = 7
	// leastLocal is how many digits a number without its area code has at least: 110 and 911 must
	// never become a subscriber's number.
	leastLocal = 4
)

// known are habits by country code. Countries where a carrier is chosen with the prefix, or where
// habits change, are left out on purpose.
var known = map[string]struct {
	international, national string
	digits                  int
}{
	"1": {"011", "1", 10}, "7": {"810", "8", 10}, "20": {"00", "0", 0}, "27": {"00", "0", 9}, "30": {"00", "", 10}, "31": {"00", "0", 0},
	"32": {"00", "0", 0}, "33": {"00", "0", 9}, "34": {"00", "", 9}, "36": {"00", "06", 0}, "39": {"00", "", 0}, "40": {"00", "0", 9},
	"41": {"00", "0", 9}, "43": {"00", "0", 0}, "44": {"00", "0", 0}, "45": {"00", "", 8}, "46": {"00", "0", 0}, "47": {"00", "", 8},
	"48": {"00", "", 9}, "49": {"00", "0", 0}, "60": {"00", "0", 0}, "61": {"0011", "0", 9}, "63": {"00", "0", 0}, "64": {"00", "0", 0},
	"81": {"010", "0", 0}, "84": {"00", "0", 0}, "86": {"00", "0", 0}, "90": {"00", "0", 10}, "91": {"00", "0", 10}, "92": {"00", "0", 0},
	"212": {"00", "0", 9}, "213": {"00", "0", 0}, "216": {"00", "", 8}, "234": {"009", "0", 0}, "254": {"000", "0", 0}, "351": {"00", "", 9},
	"352": {"00", "", 0}, "353": {"00", "0", 0}, "354": {"00", "", 7}, "356": {"00", "", 8}, "357": {"00", "", 8}, "359": {"00", "0", 0},
	"371": {"00", "", 8}, "372": {"00", "", 0}, "375": {"810", "8", 9}, "380": {"00", "0", 9}, "381": {"00", "0", 0}, "385": {"00", "0", 0},
	"386": {"00", "0", 8}, "387": {"00", "0", 0}, "389": {"00", "0", 8}, "420": {"00", "", 9}, "421": {"00", "0", 9}, "423": {"00", "", 0},
	"966": {"00", "0", 9}, "971": {"00", "0", 0}, "972": {"00", "0", 0},
}

// Complete fills in what is known of the country. An error: it is not known, and not said.
func (h Habits) Complete() (Habits, error) {
	if !digits(h.Country) || h.Country[0] == '0' || len(h.Country) > 3 {
		return h, fmt.Errorf("country must be a country code such as \"49\", not %.40q", h.Country)
	}
	k, ok := known[h.Country]
	if h.International == nil {
		if !ok {
			return h, fmt.Errorf("what is dialled in +%s before a country code is not known here: give international", h.Country)
		}
		h.International = []string{k.international}
	}
	if h.National == nil {
		if !ok {
			return h, fmt.Errorf("what is dialled in +%s before a national number is not known here: give national, \"\" for nothing", h.Country)
		}
		h.National = []string{k.national}
	}
	if h.Digits == 0 && ok {
		h.Digits = k.digits
	}
	for _, p := range slices.Concat(h.International, h.National, []string{h.Area}) {
		if p != "" && !digits(p) {
			return h, fmt.Errorf("international, national and area are digits, not %.40q", p)
		}
	}
	if slices.Contains(h.International, "") {
		return h, errors.New("international must not be empty")
	}
	return h, nil
}

// digits reports whether text is digits only, at least one.
func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// E164 is a number with its country code, "+49…". h must be complete. The text may have the visual
// separators of RFC 3966 §5.1.1, blanks and slashes, and the parameters of a tel URI behind it.
func E164(text string, h Habits) (string, error) {
	number, plus, err := h.bare(text)
	if err != nil {
		return "", err
	}
	if plus {
		return checked(number)
	}
	// The longest first: 810 before 8.
	if rest, ok := cutLongest(number, h.International); ok {
		return checked(rest)
	}
	rest, prefixed := cutLongest(number, h.National)
	prefixed = prefixed && rest != number
	switch {
	case h.Digits > 0 && len(number) == h.Digits && len(rest) != h.Digits && number[0] != '0':
		return h.national(number) // it only looks as if it had the prefix: 812 … in Russia
	case prefixed:
		return h.national(rest)
	case h.Digits > 0 && len(number) == h.Digits, slices.Contains(h.National, "") && (h.Digits == 0 || h.Area == ""):
		return h.national(number)
	case h.Area != "" && len(number) < leastLocal:
		return "", fmt.Errorf("%w: %.40q is a short code", ErrNumber, text)
	case h.Area != "":
		return h.national(h.Area + number)
	}
	return "", fmt.Errorf("%w: %.40q has no national prefix, and no area code is given", ErrNumber, text)
}

// national makes a national number international.
func (h *Habits) national(number string) (string, error) {
	if h.Digits > 0 && len(number) != h.Digits {
		return "", fmt.Errorf("%w: national numbers of +%s have %d digits, not %d", ErrNumber, h.Country, h.Digits, len(number))
	}
	if h.Country == "1" && number[0] < '2' {
		return "", fmt.Errorf("%w: no area code of +1 begins with %c", ErrNumber, number[0])
	}
	return checked(h.Country + number)
}

// checked is a number with its "+", if it can be one.
func checked(number string) (string, error) {
	switch {
	case len(number) < leastDigits:
		return "", fmt.Errorf("%w: +%s is too short", ErrNumber, number)
	case len(number) > mostDigits:
		return "", fmt.Errorf("%w: +%.20s has more than %d digits", ErrNumber, number, mostDigits)
	case number[0] == '0':
		return "", fmt.Errorf("%w: no country code begins with 0, as +%s does", ErrNumber, number)
	}
	return "+" + number, nil
}

// cutLongest cuts off the longest of the prefixes that is there.
func cutLongest(number string, prefixes []string) (rest string, ok bool) {
	rest = number
	for _, p := range prefixes {
		if after, is := strings.CutPrefix(number, p); is && (!ok || len(after) < len(rest)) {
			rest, ok = after, true
		}
	}
	return rest, ok
}

// bare takes away what is there for the eye; plus: the number began with one. In +49 (0)30 the 0 is
// for those who call from within the country.
func (h *Habits) bare(text string) (number string, plus bool, err error) {
	if len(text) > mostText {
		return "", false, fmt.Errorf("%w: more than %d bytes", ErrNumber, mostText)
	}
	text, params, _ := strings.Cut(text, ";")
	whole := separated(text)
	if !strings.HasPrefix(whole, "+") && !h.inContext(params) {
		return "", false, fmt.Errorf("%w: %.40q is one of another phone-context", ErrNumber, text)
	}
	abroad := strings.HasPrefix(whole, "+")
	for _, p := range h.International {
		abroad = abroad || strings.HasPrefix(whole, p)
	}
	for _, p := range h.National {
		if abroad && p != "" {
			text = strings.Replace(text, "("+p+")", "", 1)
		}
	}
	number = separated(text)
	number, plus = strings.CutPrefix(number, "+")
	if !digits(number) {
		return "", false, fmt.Errorf("%w: %.40q", ErrNumber, text)
	}
	return number, plus, nil
}

// inContext reports whether a number with these parameters and without + is one of the country: one
// of a private network, or of another country, must not become a number here (RFC 3966 §5.1.5).
func (h *Habits) inContext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, context, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "phone-context") && separated(context) != "+"+h.Country {
			return false
		}
	}
	return true
}

// separated is text without separators.
func separated(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()\u00a0", r) {
			return -1
		}
		return r
	}, text)
}
