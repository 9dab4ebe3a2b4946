package dialplan_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/dialplan"
)

func habits(t testing.TB, h dialplan.Habits) dialplan.Habits {
	t.Helper()
	h, err := h.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func country(code string) dialplan.Habits { return dialplan.Habits{Country: code} }

// Numbers as they are written and dialled in each country, with what is known of it.
func TestE164(t *testing.T) {
	berlin := dialplan.Habits{Country: "49", Area: "30"}
	for name, row := range map[string]struct {
		habits  dialplan.Habits
		numbers map[string]string // "" is refused
	}{
		"Germany": {country("49"), map[string]string{
			"+4930123456": "+4930123456", "004930123456": "+4930123456", "030123456": "+4930123456", "(030) 123-456": "+4930123456",
			"030/123 45 6": "+4930123456", "+49 (0)30 123456": "+4930123456", "+49(0) 30 / 12 34 56": "+4930123456", "0049 (0) 30 123456": "+4930123456",
			"0039 06 1234567": "+39061234567", "+39 06 1234567": "+39061234567", "001 212 555 1234": "+12125551234", "030.123.456": "+4930123456",
			"01511234567": "+491511234567", "123456": "", "110": "", "112": "", "0": "", "00": "", "+": "", "+0301234567": "", "000301234567": "",
			"bob": "", "*21#": "", "": "", " ": "", "0800 FLOWERS": "", "+49 30 123456 ext 7": "", "0301234567890123": "", "++4930123456": "",
			"4930123456+": "", "+49-30-123456\u00a0": "+4930123456", "+4930１２３": "",
		}},
		"with parameters": {country("39"), map[string]string{
			"+12015550123;npdi;rn=+12012000000": "+12015550123", "+39-02-12345;ext=5": "+390212345", "0212345;isub=1": "+390212345", "+1201555;phone-context=example.com": "+1201555",
			"0212345;phone-context=+39": "+390212345", "0212345;npdi;Phone-Context=+3-9": "+390212345", "0212345;phone-context=+1": "", "0212345;phone-context=pbx.example.com": "",
			"0212345;phone-context": "", "0212345;phone-context=+39;phone-context=+1": "", ";npdi": "", "bob;phone-context=+39": "", "02;12345": ""}},
		"Berlin":            {berlin, map[string]string{"123456": "+4930123456", "0401234567": "+49401234567", "110": "", "0049301234567": "+49301234567"}},
		"the United States": {country("1"), map[string]string{"2125551234": "+12125551234", "12125551234": "+12125551234", "1-212-555-1234": "+12125551234", "(212) 555-1234": "+12125551234", "011 49 30 123456": "+4930123456", "+1 212 555 1234": "+12125551234", "5551234": "", "911": "", "411": "", "00493012345": "", "1212555123": "", "121255512345": ""}},
		"Manhattan":         {dialplan.Habits{Country: "1", Area: "212"}, map[string]string{"5551234": "+12125551234", "911": "", "3105551234": "+13105551234"}},
		"Italy":             {country("39"), map[string]string{"06 1234567": "+39061234567", "00390612345678": "+390612345678", "333 1234567": "+393331234567", "+39 06 1234567": "+39061234567", "+39 (0)6 1234567": "+39061234567", "112": "", "0049 30 123456": "+4930123456"}},
		"Spain":             {country("34"), map[string]string{"912 345 678": "+34912345678", "0034912345678": "+34912345678", "112": "", "91234567": ""}},
		"France":            {country("33"), map[string]string{"01 23 45 67 89": "+33123456789", "0033123456789": "+33123456789", "123456789": "+33123456789", "15": "", "012345678": ""}},
		"Great Britain":     {country("44"), map[string]string{"020 7946 0123": "+442079460123", "+44 (0)20 7946 0123": "+442079460123", "07700 900123": "+447700900123", "999": ""}},
		"Russia":            {country("7"), map[string]string{"8 495 123-45-67": "+74951234567", "810 49 30 123456": "+4930123456", "8~10 49": "", "4951234567": "+74951234567", "8123456789": "+78123456789", "88123456789": "+78123456789", "+7 (495) 123-45-67": "+74951234567"}},
		"Hungary":           {country("36"), map[string]string{"06 1 234 5678": "+3612345678", "+36 (06) 1 234 5678": "+3612345678", "0036 1 234 5678": "+3612345678", "2345678": ""}},
		"Denmark":           {country("45"), map[string]string{"12 34 56 78": "+4512345678", "112": "", "004512345678": "+4512345678"}},
		"Norway":            {country("47"), map[string]string{"22 12 34 56": "+4722123456", "1881": ""}},
		"Poland":            {country("48"), map[string]string{"22 123 45 67": "+48221234567", "0048221234567": "+48221234567"}},
		"Australia":         {country("61"), map[string]string{"02 9876 5432": "+61298765432", "0011 49 30 123456": "+4930123456", "0412 345 678": "+61412345678", "000": ""}},
		"Japan":             {country("81"), map[string]string{"03-1234-5678": "+81312345678", "010 49 30 123456": "+4930123456", "090-1234-5678": "+819012345678"}},
		"Nigeria":           {country("234"), map[string]string{"0803 123 4567": "+2348031234567", "009 49 30 123456": "+4930123456"}},
		"Switzerland":       {country("41"), map[string]string{"044 123 45 67": "+41441234567", "0041 44 123 45 67": "+41441234567"}},
		"Portugal":          {country("351"), map[string]string{"21 123 4567": "+351211234567", "112": ""}},
		"Iceland":           {country("354"), map[string]string{"551 2345": "+3545512345", "00354 551 2345": "+3545512345"}},
		"as said": {dialplan.Habits{Country: "999", International: []string{"0099", "00"}, National: []string{"0", "9"}}, map[string]string{
			"0099 30 123456": "+30123456", "0030123456": "+30123456", "9123456": "+999123456", "0123456": "+999123456", "5123456": ""}},
		"nothing before": {dialplan.Habits{Country: "999", International: []string{"00"}, National: []string{""}}, map[string]string{"0123456": "+9990123456"}},
		"the option wins": {dialplan.Habits{Country: "49", International: []string{"011"}, National: []string{"1"}}, map[string]string{
			"011 39 06 123456": "+3906123456", "130123456": "+4930123456", "0049301234": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			h := habits(t, row.habits)
			for text, want := range row.numbers {
				got, err := dialplan.E164(text, h)
				if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, dialplan.ErrNumber) {
					t.Errorf("%q: %q, %v, want %q", text, got, err, want)
				}
			}
		})
	}
}

func TestHabits(t *testing.T) {
	for name, row := range map[string]struct {
		habits dialplan.Habits
		want   string
	}{
		"none":          {dialplan.Habits{}, "country must be a country code"},
		"a plus":        {country("+49"), "country must be a country code"},
		"a zero":        {country("049"), "country must be a country code"},
		"long":          {country("4930"), "country must be a country code"},
		"unknown":       {country("999"), "give international"},
		"half":          {dialplan.Habits{Country: "999", International: []string{"00"}}, "give national"},
		"letters":       {dialplan.Habits{Country: "49", National: []string{"x"}}, "are digits"},
		"area":          {dialplan.Habits{Country: "49", Area: "(30)"}, "are digits"},
		"empty abroad":  {dialplan.Habits{Country: "49", International: []string{""}}, "international must not be empty"},
		"abroad, other": {dialplan.Habits{Country: "49", International: []string{"00", "+"}}, "are digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := row.habits.Complete(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// Whatever comes in, what comes out is a number, and stays the same when it comes in.
func FuzzE164(f *testing.F) {
	for _, text := range []string{"+49 (0)30 123456", "0049", "030/1", "bob", "(((", "+", "0\x00", "810 (8) 1234567", "02 12345;phone-context=+39;npdi"} {
		f.Add(text)
	}
	number := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	var all []dialplan.Habits
	for _, code := range []string{"49", "1", "39", "7", "36"} {
		all = append(all, habits(f, country(code)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range all {
			got, err := dialplan.E164(text, h)
			if err != nil {
				continue
			}
			if again, err := dialplan.E164(got, h); !number.MatchString(got) || again != got || err != nil {
				t.Errorf("%q in +%s: %q, and again %q, %v", text, h.Country, got, again, err)
			}
		}
	})
}

func BenchmarkE164(b *testing.B) {
	h := habits(b, country("49"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dialplan.E164("(030) 123 456", h); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleE164() {
	germany, err := dialplan.Habits{Country: "49"}.Complete()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"(030) 123 456", "+49 (0)30 123456", "00 39 06 1234567", "112"} {
		fmt.Println(dialplan.E164(text, germany))
	}
	// Output:
	// +4930123456 <nil>
	// +4930123456 <nil>
	// +39061234567 <nil>
	//  not a number: "112" has no national prefix, and no area code is given
}
