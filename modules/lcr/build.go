package lcr

// Making a table of rates, one after the other.

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/internal/breathe"
	"github.com/sipscript/sipscript/modules/internal/prefix"
)

const (
	mostCarriers = math.MaxUint16
	mostBands    = math.MaxUint16
	mostAttrs    = 1_000_000
)

// builder takes in rates. What many rates say alike is read once.
type builder struct {
	zone     *time.Location
	keys     breathe.List[prefix.Key]
	rates    breathe.List[rate]
	attrs    map[int32]map[string]any
	carriers map[string]uint16
	names    []string
	accounts map[string]uint32
	bands    map[[2]string]uint16
	list     []band
	times    [2]map[any]uint32 // of valid_from and valid_to
}

func newBuilder(zone *time.Location) *builder {
	return &builder{zone: zone, carriers: map[string]uint16{}, accounts: map[string]uint32{}, bands: map[[2]string]uint16{{}: 0}, list: make([]band, 1),
		times: [2]map[any]uint32{{}, {}}}
}

// New makes a table. zone is that of hours, and of times without one.
func New(rates []Rate, zone *time.Location) (*Table, error) {
	b := newBuilder(zone)
	for i := range rates {
		if err := b.add(&rates[i]); err != nil {
			return nil, fmt.Errorf("rate %d: %w", i+1, err)
		}
	}
	return b.table()
}

// add takes in a rate, of which nothing is kept.
func (b *builder) add(r *Rate) error {
	key, err := prefix.Parse(strings.TrimPrefix(r.Prefix, "+"))
	if err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	if r.Cost < 0 {
		return errors.New("cost: must not be negative")
	}
	x := rate{cost: r.Cost, to: math.MaxUint32, quality: float32(r.Quality)}
	if x.carrier, err = b.carrier(r.Carrier); err != nil {
		return err
	}
	if r.Days != "" || r.Hours != "" {
		if x.band, err = b.band(r.Days, r.Hours); err != nil {
			return err
		}
	}
	if r.ValidFrom != nil {
		if x.from, err = b.time(0, r.ValidFrom); err != nil {
			return fmt.Errorf("valid_from: %w", err)
		}
	}
	if r.ValidTo != nil {
		if x.to, err = b.time(1, r.ValidTo); err != nil {
			return fmt.Errorf("valid_to: %w", err)
		}
	}
	if x.from >= x.to {
		return errors.New("valid_to is not after valid_from")
	}
	if r.Account != "" {
		x.account = b.account(r.Account)
	}
	if r.Attrs != nil {
		if b.attrs == nil {
			b.attrs = map[int32]map[string]any{}
		}
		if len(b.attrs) == mostAttrs {
			return fmt.Errorf("attrs: at most %d rates may have some", mostAttrs)
		}
		b.attrs[int32(b.rates.Len())] = r.Attrs
	}
	b.keys.Append(key)
	b.rates.Append(x)
	return nil
}

func (b *builder) carrier(name string) (uint16, error) {
	if n, ok := b.carriers[name]; ok {
		return n, nil
	}
	n := len(b.names)
	if n == mostCarriers {
		return 0, fmt.Errorf("carrier: there are more than %d", mostCarriers)
	}
	name = strings.Clone(name) // not a part of the line it was read from
	b.carriers[name] = uint16(n)
	b.names = append(b.names, name)
	return uint16(n), nil
}

func (b *builder) account(name string) uint32 {
	n, ok := b.accounts[name]
	if !ok {
		n = uint32(len(b.accounts) + 1)
		b.accounts[strings.Clone(name)] = n
	}
	return n
}

func (b *builder) band(days, hours string) (uint16, error) {
	if n, ok := b.bands[[2]string{days, hours}]; ok {
		return n, nil
	}
	parsed, always, err := parseBand(days, hours)
	if err != nil {
		return 0, err
	}
	n := len(b.list)
	switch {
	case always:
		n = 0
	case n == mostBands:
		return 0, fmt.Errorf("days and hours: there are more than %d different ones", mostBands)
	default:
		b.list = append(b.list, parsed)
	}
	b.bands[[2]string{strings.Clone(days), strings.Clone(hours)}] = uint16(n)
	return uint16(n), nil
}

// mostTimes bounds how many times are remembered as they were read.
const mostTimes = 10_000

// time reads a time; end: a date alone means the end of that day.
func (b *builder) time(end int, value any) (uint32, error) {
	switch value.(type) {
	case []any, map[string]any: // no key of a map
	default:
		if s, ok := b.times[end][value]; ok {
			return s, nil
		}
	}
	at, alone, err := timeOf(value, b.zone)
	if err != nil {
		return 0, err
	}
	if alone && end == 1 {
		at = at.AddDate(0, 0, 1) // which has not always 24 hours
	}
	s := secondsOf(at)
	if text, ok := value.(string); ok {
		value = strings.Clone(text)
	}
	if len(b.times[end]) < mostTimes {
		b.times[end][value] = s
	}
	return s, nil
}

// table is the table of the rates so far.
func (b *builder) table() (*Table, error) {
	if b.rates.Len() > math.MaxInt32 {
		return nil, errors.New("too many rates")
	}
	t := &Table{zone: b.zone, carriers: b.names, accounts: b.accounts, bands: b.list}
	var order []int32
	t.prefixes, order = prefix.Build(&b.keys)
	if len(b.accounts) > 0 {
		for i := range t.prefixes.Len() {
			prefix.Breathe(i)
			if from, to := t.prefixes.Entries(i); to-from > 1 {
				slices.SortStableFunc(order[from:to], func(x, y int32) int { return cmp.Compare(b.rates.At(int(x)).account, b.rates.At(int(y)).account) })
			}
		}
	}
	for to, from := range order {
		t.rates.Append(*b.rates.At(int(from)))
		if a := b.attrs[from]; a != nil {
			if t.attrs == nil {
				t.attrs = map[int32]map[string]any{}
			}
			t.attrs[int32(to)] = a
		}
		prefix.Breathe(to)
	}
	return t, nil
}
