// Package lcr finds the cheapest carriers for a number: least cost routing.
//
// Go programs use it without Lua:
//
//	rates, err := lcr.New([]lcr.Rate{{Prefix: "49", Carrier: "acme", Cost: cost}}, time.UTC)
//	for _, offer := range rates.Offers("+4930123456", lcr.Query{At: time.Now()}) { … }
package lcr

// The table of rates, and asking it.

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/internal/breathe"
	"github.com/sipscript/sipscript/modules/internal/prefix"
)

// Rate is one rate of a carrier, as a list has it.
type Rate struct {
	Prefix    string         `lua:"prefix" doc:"the beginning of the numbers it is for, with or without +; \"\" for all"`
	Carrier   string         `lua:"carrier,required" doc:"whose rate it is"`
	Cost      Cost           `lua:"cost,required" doc:"what is compared, an exact decimal number"`
	ValidFrom any            `lua:"valid_from" doc:"from when it applies"`
	ValidTo   any            `lua:"valid_to" doc:"until when; a date alone includes that day"`
	Days      string         `lua:"days" doc:"\"mon-fri\": the days on which its hours begin"`
	Hours     string         `lua:"hours" doc:"\"08:00-18:00\", \"22:00-06:00\": the hours in which it applies"`
	Quality   float64        `lua:"quality" min:"0" doc:"more is better"`
	Account   string         `lua:"account" doc:"for whom it is; \"\" for all"`
	Attrs     map[string]any `lua:"attrs" doc:"returned with the route"`
}

// Query is what is asked about a number. The zero value asks for everybody's rates in 1970.
type Query struct {
	At         time.Time // the rates that are valid then
	Account    string    // whose rates are preferred to those for all
	MaxCost    *Cost     // nil: any
	MinQuality float64   // 0: any
	Limit      int       // the most carriers, 0 for all
}

// Offer is what one carrier asks for a number.
type Offer struct {
	Carrier string         // its name
	Prefix  string         // the longest of the carrier's that applies
	Cost    Cost           // of the rate
	Quality float64        // of the rate; 0 if it has none
	Attrs   map[string]any // not to be changed
}

// Table is a list of rates. It is never changed, and safe for concurrent use.
type Table struct {
	zone     *time.Location
	prefixes *prefix.Table
	// In the order of the prefixes' entries; of one prefix those for all first
	rates    breathe.List[rate]
	carriers []string
	accounts map[string]uint32 // from 1
	bands    []band            // from 1: rates[0] would be always
	attrs    map[int32]map[string]any
}

// rate is a Rate in 32 bytes, without pointers.
type rate struct {
	cost     Cost
	from, to uint32 // seconds since 1970, to not included
	account  uint32 // 0: for all
	quality  float32
	carrier  uint16
	band     uint16 // 0: always
}

// Len is how many rates there are.
func (t *Table) Len() int { return t.rates.Len() }

// rate is the i-th one.
func (t *Table) rate(i int32) *rate { return t.rates.At(int(i)) }

// Carriers are the names of the carriers that have rates.
func (t *Table) Carriers() []string { return t.carriers }

// chosen is the rate found for a carrier.
type chosen struct {
	rate  int32
	level int32 // the prefix
}

// Offers are the carriers that take a number, the cheapest first; at one cost those of better
// quality, of the longer prefix, and by name. Of each carrier the longest prefix with a rate that
// applies counts; there, a rate for the account goes before one for all, then the latest
// valid_from, then one with hours or days, then the cheapest. What costs too much or is not good
// enough is left out at the end: a shorter prefix of the same carrier does not take its place.
func (t *Table) Offers(number string, q Query) []Offer {
	found := t.choose(prefix.Of(strings.TrimPrefix(number, "+")), q)
	found = slices.DeleteFunc(found, func(c chosen) bool {
		r := t.rate(c.rate)
		return q.MaxCost != nil && r.cost > *q.MaxCost || float64(r.quality) < q.MinQuality
	})
	slices.SortFunc(found, func(a, b chosen) int {
		x, y := t.rate(a.rate), t.rate(b.rate)
		return cmp.Or(cmp.Compare(x.cost, y.cost), cmp.Compare(y.quality, x.quality),
			cmp.Compare(t.prefixes.Key(int(b.level)).Len(), t.prefixes.Key(int(a.level)).Len()),
			strings.Compare(t.carriers[x.carrier], t.carriers[y.carrier]))
	})
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	offers := make([]Offer, len(found))
	for i, c := range found {
		r := t.rate(c.rate)
		offers[i] = Offer{t.carriers[r.carrier], t.prefixes.Key(int(c.level)).String(), r.cost, float64(r.quality), t.attrs[c.rate]}
	}
	return offers
}

// choose finds the rate of each carrier, from the longest prefix to the shortest.
func (t *Table) choose(number prefix.Key, q Query) []chosen {
	var room [16]chosen
	found := room[:0]
	now, account := momentOf(q.At, t.zone), t.accounts[q.Account]
	for level := t.prefixes.Find(number); level >= 0; level = t.prefixes.Up(level) {
		from, to := t.prefixes.Entries(level)
		longer := len(found) // those had a rate for a longer prefix
		general := from + t.countLess(from, to, 1)
		found = t.level(found, longer, level, from, general, now)
		if account != 0 {
			own := general + t.countLess(general, to, account)
			found = t.level(found, longer, level, own, own+t.countLess(own, to, account+1), now)
		}
	}
	return slices.Clone(found)
}

// countLess is how many of the rates from, to, which are in the order of accounts, are for one
// before this.
func (t *Table) countLess(from, to int, account uint32) int {
	if n := to - from; n == 0 || t.rates.At(to-1).account < account {
		return n // nearly always: there are no rates for accounts
	}
	return sort.Search(to-from, func(i int) bool { return t.rates.At(from+i).account >= account })
}

// level takes in the rates from, to of one prefix. Carriers among the first longer of found had
// theirs.
func (t *Table) level(found []chosen, longer, level, from, to int, now moment) []chosen {
	for i := from; i < to; i++ {
		r := t.rates.At(i)
		if now.at < r.from || now.at >= r.to || r.band != 0 && !t.bands[r.band].has(now) {
			continue
		}
		at := slices.IndexFunc(found, func(c chosen) bool { return t.rate(c.rate).carrier == r.carrier })
		switch {
		case at < 0:
			found = append(found, chosen{int32(i), int32(level)})
		case at >= longer && r.before(t.rate(found[at].rate)):
			found[at].rate = int32(i)
		}
	}
	return found
}

// before reports whether a rate goes before another of the same carrier and prefix.
func (r *rate) before(other *rate) bool {
	limited := func(r *rate) int { return min(int(r.band), 1) }
	return cmp.Or(cmp.Compare(other.account, r.account), cmp.Compare(other.from, r.from), cmp.Compare(limited(other), limited(r)), cmp.Compare(r.cost, other.cost)) < 0
}
