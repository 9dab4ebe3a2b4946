package lcr_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/lcr"
)

func cost(t testing.TB, text string) lcr.Cost {
	t.Helper()
	c, err := lcr.ParseCost(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func table(t testing.TB, rates ...lcr.Rate) *lcr.Table {
	t.Helper()
	made, err := lcr.New(rates, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// show is offers in one line: carrier, prefix and cost.
func show(offers []lcr.Offer) string {
	var b strings.Builder
	for _, o := range offers {
		fmt.Fprintf(&b, "%s %s %s, ", o.Carrier, o.Prefix, o.Cost)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

func TestOffers(t *testing.T) {
	r := func(prefix, carrier, price string) lcr.Rate {
		return lcr.Rate{Prefix: prefix, Carrier: carrier, Cost: cost(t, price)}
	}
	with := func(x lcr.Rate, change func(*lcr.Rate)) lcr.Rate { change(&x); return x }
	tab := table(t,
		r("49", "a", "0.02"), r("4930", "a", "0.05"), r("49", "b", "0.03"), r("+4930", "c", "0.03"), r("", "d", "1"),
		with(r("49", "e", "0.03"), func(x *lcr.Rate) { x.Quality = 5; x.Attrs = map[string]any{"x": "y"} }),
		r("1", "a", "0.1"), r("1", "b", "0.2"), r("1", "b", "0.15"),
		with(r("1", "b", "0.01"), func(x *lcr.Rate) { x.Account = "big" }),
		with(r("12", "b", "0.4"), func(x *lcr.Rate) { x.Account = "big" }),
		with(r("1", "c", "0.05"), func(x *lcr.Rate) { x.ValidFrom = "2026-02-01" }),
		with(r("1", "c", "0.06"), func(x *lcr.Rate) { x.ValidFrom = "2026-01-01" }),
		with(r("33", "a", "0.5"), func(x *lcr.Rate) { x.Hours = "8-18" }), r("33", "a", "0.1"), r("3", "a", "0.01"),
	)
	january, march := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	limit := cost(t, "0.03")
	for name, row := range map[string]struct {
		number string
		query  lcr.Query
		want   string
	}{
		"each carrier's longest":    {"+4930123456", lcr.Query{At: january}, "e 49 0.03, c 4930 0.03, b 49 0.03, a 4930 0.05, d  1"},
		"another area":              {"4940123456", lcr.Query{At: january}, "a 49 0.02, e 49 0.03, b 49 0.03, d  1"},
		"for all":                   {"99", lcr.Query{At: january}, "d  1"},
		"too dear":                  {"4930123456", lcr.Query{At: january, MaxCost: &limit}, "e 49 0.03, c 4930 0.03, b 49 0.03"},
		"not good enough":           {"4930123456", lcr.Query{At: january, MinQuality: 1}, "e 49 0.03"},
		"the first two":             {"4930123456", lcr.Query{At: january, Limit: 2}, "e 49 0.03, c 4930 0.03"},
		"the cheaper of one prefix": {"1555", lcr.Query{At: january}, "c 1 0.06, a 1 0.1, b 1 0.15, d  1"},
		"the latest":                {"1555", lcr.Query{At: march}, "c 1 0.05, a 1 0.1, b 1 0.15, d  1"},
		"an account's":              {"1555", lcr.Query{At: march, Account: "big"}, "b 1 0.01, c 1 0.05, a 1 0.1, d  1"},
		"an account's longer":       {"1212", lcr.Query{At: march, Account: "big"}, "c 1 0.05, a 1 0.1, b 12 0.4, d  1"},
		"an account without":        {"1212", lcr.Query{At: march, Account: "small"}, "c 1 0.05, a 1 0.1, b 1 0.15, d  1"},
		"hours before all day":      {"331", lcr.Query{At: january}, "a 33 0.5, d  1"},
		"out of hours":              {"331", lcr.Query{At: march}, "a 33 0.1, d  1"},
		"nobody":                    {"bob", lcr.Query{At: march}, "d  1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(tab.Offers(row.number, row.query)); got != row.want {
				t.Errorf("%s\nwant %s", got, row.want)
			}
		})
	}
	if o := tab.Offers("49", lcr.Query{}); o[1].Attrs["x"] != "y" || o[1].Quality != 5 || o[0].Attrs != nil {
		t.Errorf("%+v", o)
	}
	if tab.Len() != 16 || strings.Join(tab.Carriers(), "") != "abcde" {
		t.Errorf("%d %v", tab.Len(), tab.Carriers())
	}
	if got := table(t).Offers("49", lcr.Query{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Costs that floats would put in the wrong order, or not tell apart.
func TestExactOrder(t *testing.T) {
	tab := table(t, lcr.Rate{Carrier: "b", Cost: cost(t, "0.1") + cost(t, "0.2")}, lcr.Rate{Carrier: "a", Cost: cost(t, "0.3")},
		lcr.Rate{Carrier: "d", Cost: cost(t, "999999999.999999999")}, lcr.Rate{Carrier: "c", Cost: cost(t, "999999999.999999998")})
	if got := show(tab.Offers("1", lcr.Query{})); got != "a  0.3, b  0.3, c  999999999.999999998, d  999999999.999999999" {
		t.Error(got)
	}
}

// Bands in real zones: across midnight, and in nights that lack an hour or have one twice.
func TestBands(t *testing.T) {
	type check struct {
		at   string
		want bool
	}
	for name, row := range map[string]struct {
		zone, days, hours string
		checks            []check
	}{
		// In July two hours ahead.
		"day": {"Europe/Berlin", "mon-fri", "08:00-18:00", []check{
			{"2026-07-01T06:00:00Z", true}, {"2026-07-01T05:59:59Z", false}, {"2026-07-01T15:59:59Z", true}, {"2026-07-01T16:00:00Z", false},
			{"2026-01-01T07:00:00Z", true}, {"2026-01-01T06:59:59Z", false}, {"2026-07-04T08:00:00Z", false}, {"2026-07-06T08:00:00Z", true}}},
		// Friday is July 3.
		"night": {"Europe/Berlin", "fri", "22:00-06:00", []check{
			{"2026-07-03T20:00:00Z", true}, {"2026-07-03T19:59:00Z", false}, {"2026-07-03T23:00:00Z", true}, {"2026-07-04T03:59:59Z", true},
			{"2026-07-04T04:00:00Z", false}, {"2026-07-03T03:00:00Z", false}, {"2026-07-04T21:00:00Z", false}}},
		"night to Sunday": {"UTC", "sat", "22-6", []check{{"2026-07-05T05:00:00Z", true}, {"2026-07-04T05:00:00Z", false}, {"2026-07-05T22:00:00Z", false}}},
		// At 1:00Z the clock goes from 2 to 3.
		"spring, an hour is left out": {"Europe/Berlin", "", "02:00-03:00", []check{
			{"2026-03-29T00:59:59Z", false}, {"2026-03-29T01:00:00Z", false}, {"2026-03-29T01:30:00Z", false}, {"2026-03-28T01:30:00Z", true}, {"2026-03-30T00:30:00Z", true}}},
		"spring, across it": {"Europe/Berlin", "sun", "01:30-03:30", []check{
			{"2026-03-29T00:30:00Z", true}, {"2026-03-29T01:00:00Z", true}, {"2026-03-29T01:29:59Z", true}, {"2026-03-29T01:30:00Z", false}}},
		// At 1:00Z the clock goes from 3 to 2.
		"autumn, an hour twice": {"Europe/Berlin", "", "02:00-03:00", []check{
			{"2026-10-24T23:59:59Z", false}, {"2026-10-25T00:00:00Z", true}, {"2026-10-25T00:59:59Z", true}, {"2026-10-25T01:30:00Z", true}, {"2026-10-25T02:00:00Z", false}}},
		// The clock goes from 2 to 3 on Sunday, March 8.
		"New York, spring": {"America/New_York", "sat", "22:00-04:00", []check{
			{"2026-03-08T03:00:00Z", true}, {"2026-03-08T06:59:59Z", true}, {"2026-03-08T07:00:00Z", true}, {"2026-03-08T07:59:59Z", true}, {"2026-03-08T08:00:00Z", false}}},
		// Friday, 2026-04-24 begins at 1:00.
		"Cairo, a day without midnight": {"Africa/Cairo", "fri", "00:00-01:00", []check{
			{"2026-04-23T21:59:59Z", false}, {"2026-04-23T22:00:00Z", false}, {"2026-04-30T21:30:00Z", true}}},
		// 2026-04-05 from 2:00 back to 1:30.
		"Lord Howe, half an hour": {"Australia/Lord_Howe", "sun", "01:30-02:00", []check{
			{"2026-04-04T14:29:00Z", false}, {"2026-04-04T14:30:00Z", true}, {"2026-04-04T15:00:00Z", true}, {"2026-04-04T15:29:00Z", true}, {"2026-04-04T15:30:00Z", false}}},
		"two spans":        {"UTC", "", "08:00-12:00, 13:00-17:30", []check{{"2026-01-01T12:30:00Z", false}, {"2026-01-01T17:29:00Z", true}, {"2026-01-01T08:00:00Z", true}}},
		"days only":        {"UTC", "Sat-MON, wednesday", "", []check{{"2026-07-04T00:00:00Z", true}, {"2026-07-06T23:59:59Z", true}, {"2026-07-07T00:00:00Z", false}, {"2026-07-08T01:00:00Z", true}}},
		"to the end":       {"UTC", "mon", "20:00-24:00", []check{{"2026-07-06T23:59:59Z", true}, {"2026-07-07T00:00:00Z", false}}},
		"all days, always": {"UTC", "mon-sun", "", []check{{"2026-07-06T23:59:59Z", true}}},
		"to midnight":      {"UTC", "mon", "20:00-00:00", []check{{"2026-07-06T23:59:59Z", true}, {"2026-07-07T00:00:00Z", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := lcr.New([]lcr.Rate{{Carrier: "a", Days: row.days, Hours: row.hours}}, zone(t, row.zone))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range row.checks {
				at, err := time.Parse(time.RFC3339, c.at)
				if err != nil {
					t.Fatal(err)
				}
				if got := len(tab.Offers("1", lcr.Query{At: at})) == 1; got != c.want {
					t.Errorf("%s: %v, want %v", c.at, got, c.want)
				}
			}
		})
	}
}

func TestValidity(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for name, row := range map[string]struct {
		from, to          any
		inside, outside   string
		inside2, outside2 string
	}{
		"dates":         {"2026-03-29", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-28T22:59:59Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"},
		"times":         {"2026-01-01 08:00:00", "2026-01-01T09:00", "2026-01-01T07:00:00Z", "2026-01-01T06:59:59Z", "2026-01-01T07:59:59Z", "2026-01-01T08:00:00Z"},
		"with a zone":   {"2026-01-01T08:00:00Z", "2026-01-01T10:00:00+01:00", "2026-01-01T08:00:00Z", "2026-01-01T07:59:59Z", "2026-01-01T08:59:59Z", "2026-01-01T09:00:00Z"},
		"seconds":       {1767225600.0, "1767225660", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z"},
		"of a database": {time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), "2025-12-31T23:00:00Z", "2025-12-31T22:59:59Z", "2026-01-01T22:59:59Z", "2026-01-01T23:00:00Z"},
		"with its zone": {time.Date(2026, 1, 1, 0, 0, 0, 0, berlin), int64(1767225600), "2025-12-31T23:00:00Z", "2025-12-31T22:59:59Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"},
		"from only":     {"2026-01-01", nil, "2099-01-01T00:00:00Z", "2025-12-31T22:59:59Z", "", ""},
		"to only":       {nil, "2026-01-01", "1970-01-01T00:00:00Z", "2026-01-01T23:00:00Z", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := lcr.New([]lcr.Rate{{Carrier: "a", ValidFrom: row.from, ValidTo: row.to}}, berlin)
			if err != nil {
				t.Fatal(err)
			}
			for text, want := range map[string]bool{row.inside: true, row.inside2: true, row.outside: false, row.outside2: false} {
				if text != "" && len(tab.Offers("1", lcr.Query{At: at(text)})) == 1 != want {
					t.Errorf("%s: not %v", text, want)
				}
			}
		})
	}
}

func TestBadRates(t *testing.T) {
	for name, row := range map[string]struct {
		rate lcr.Rate
		want string
	}{
		"prefix":      {lcr.Rate{Prefix: "49x"}, "rate 1: prefix: a prefix consists of digits"},
		"long prefix": {lcr.Rate{Prefix: "12345678901234567"}, "at most 16 digits"},
		"cost":        {lcr.Rate{Cost: -1}, "cost: must not be negative"},
		"day":         {lcr.Rate{Days: "mo"}, "days: must be such as mon-fri"},
		"day range":   {lcr.Rate{Days: "mon-"}, "days: must be such as mon-fri"},
		"hour":        {lcr.Rate{Hours: "8"}, "hours: must be such as 08:00-18:00"},
		"late":        {lcr.Rate{Hours: "8-25"}, "hours: "},
		"minute":      {lcr.Rate{Hours: "8:60-9"}, "hours: "},
		"one digit":   {lcr.Rate{Hours: "8:5-9"}, "hours: "},
		"nothing":     {lcr.Rate{Hours: "8-8"}, "hours: "},
		"from 24":     {lcr.Rate{Hours: "24:00-06:00"}, "hours: "},
		"many":        {lcr.Rate{Hours: strings.Repeat("1-2,", 24) + "1-2"}, "hours: "},
		"time":        {lcr.Rate{ValidFrom: "tomorrow"}, "valid_from: must be a time such as"},
		"a table":     {lcr.Rate{ValidTo: map[string]any{}}, "valid_to: must be a time such as"},
		"order":       {lcr.Rate{ValidFrom: "2026-01-02", ValidTo: "2026-01-01"}, "valid_to is not after valid_from"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := lcr.New([]lcr.Rate{row.rate}, time.UTC); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// many are rates for prefixes of 6 to 11 digits.
func many(n int) []lcr.Rate {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]lcr.Rate, n)
	for i := range list {
		list[i] = lcr.Rate{Prefix: fmt.Sprint(r.IntN(90_000_000_000) + 10_000_000_000)[:6+r.IntN(6)], Carrier: fmt.Sprint("carrier", i%7), Cost: lcr.Cost(i % 10_000 * 10_000),
			ValidFrom: "2026-01-01", Days: "mon-fri", Hours: "08:00-18:00", Quality: float64(i % 100)}
	}
	return list
}

// A rate takes at most 64 bytes; it takes 49.
func TestMemory(t *testing.T) {
	rates := many(200_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := table(t, rates...)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(len(rates))
	t.Logf("%.1f bytes each", each)
	if each > 64 {
		t.Errorf("a rate takes %.1f bytes", each)
	}
	runtime.KeepAlive(tab)
	runtime.KeepAlive(rates)
}

func ExampleTable_Offers() {
	var rates []lcr.Rate
	for _, x := range [][3]string{{"49", "acme", "0.012"}, {"4930", "acme", "0.009"}, {"49", "bell", "0.01"}} {
		price, err := lcr.ParseCost(x[2])
		if err != nil {
			fmt.Println(err)
			return
		}
		rates = append(rates, lcr.Rate{Prefix: x[0], Carrier: x[1], Cost: price})
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := lcr.New(rates, berlin)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range table.Offers("+4930123456", lcr.Query{At: time.Now()}) {
		fmt.Println(o.Carrier, o.Prefix, o.Cost)
	}
	// Output:
	// acme 4930 0.009
	// bell 49 0.01
}
