package lcr

// Times of the week and of validity.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// band is when a rate applies: on days, in the spans of hours that begin on them.
type band struct {
	days  uint8 // bit 0: Sunday
	spans []span
}

// span is a time of day in minutes, to not included. One that ends before it begins goes on to the
// next day.
type span struct{ from, to uint16 }

const (
	minutesADay = 24 * 60
	allDays     = 1<<7 - 1
	mostSpans   = 24
)

// moment is a time as the clock on the wall shows it: what bands are about. Where an hour is left
// out or comes twice in a night, they follow the clock.
type moment struct {
	at     uint32 // seconds since 1970
	day    time.Weekday
	minute uint16
}

func momentOf(at time.Time, zone *time.Location) moment {
	local := at.In(zone)
	return moment{secondsOf(at), local.Weekday(), uint16(local.Hour()*60 + local.Minute())}
}

// secondsOf bounds a time to what the table holds.
func secondsOf(at time.Time) uint32 { return uint32(min(max(at.Unix(), 0), math.MaxUint32)) }

// has reports whether a moment is in the band. The day of a span is the one it begins on.
func (b *band) has(m moment) bool {
	today, yesterday := b.days>>m.day&1 != 0, b.days>>((m.day+6)%7)&1 != 0
	for _, s := range b.spans {
		switch {
		case s.from < s.to:
			if today && m.minute >= s.from && m.minute < s.to {
				return true
			}
		case today && m.minute >= s.from, yesterday && m.minute < s.to:
			return true
		}
	}
	return false
}

// parseBand reads days ("mon-fri, sun") and hours ("08:00-18:00, 22-6"). always: there is no limit.
func parseBand(days, hours string) (b band, always bool, err error) {
	if b.days, err = parseDays(days); err != nil {
		return b, false, fmt.Errorf("days: %w", err)
	}
	if strings.TrimSpace(hours) == "" {
		b.spans = []span{{0, minutesADay}}
		return b, b.days == allDays, nil
	}
	for part := range strings.SplitSeq(hours, ",") {
		from, to, ok := strings.Cut(part, "-")
		s := span{}
		if ok {
			if s.from, err = parseHour(from); err == nil {
				s.to, err = parseHour(to)
			}
		}
		if !ok || err != nil || s.from == s.to || s.from == minutesADay || len(b.spans) == mostSpans {
			return b, false, fmt.Errorf("hours: must be such as 08:00-18:00, or several of these, not %.40q", hours)
		}
		b.spans = append(b.spans, s)
	}
	return b, false, nil
}

func parseHour(text string) (minute uint16, err error) {
	hour, rest, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		rest = "00"
	}
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(rest, 10, 8)
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	if m > 59 || h*60+m > minutesADay || len(rest) != 2 {
		return 0, errors.New("no time of day")
	}
	return uint16(h*60 + m), nil
}

func parseDays(text string) (days uint8, err error) {
	if strings.TrimSpace(text) == "" {
		return allDays, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, ok := parseDay(first)
		to, ok2 := from, ok
		if isRange {
			to, ok2 = parseDay(last)
		}
		if !ok || !ok2 {
			return 0, fmt.Errorf("must be such as mon-fri, or several of these, not %.40q", text)
		}
		for days |= 1 << from; from != to; days |= 1 << from {
			from = (from + 1) % 7
		}
	}
	return days, nil
}

func parseDay(text string) (day time.Weekday, ok bool) {
	text = strings.TrimSpace(text)
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name[:3]) || strings.EqualFold(text, name) {
			return d, true
		}
	}
	return 0, false
}

// timeOf reads a moment: text, a number of seconds, or what a database has. A time without zone is
// one of zone. alone: it is a date alone.
func timeOf(value any, zone *time.Location) (at time.Time, alone bool, err error) {
	switch v := value.(type) {
	case time.Time:
		// Databases have times without zone in UTC, and dates at midnight of that.
		if v.Location() == time.UTC {
			wall := time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), 0, zone)
			return wall, v.Equal(v.Truncate(24 * time.Hour)), nil
		}
		return v, false, nil
	case int64:
		return time.Unix(v, 0), false, nil
	case float64:
		if v >= 0 && v < 1<<40 {
			return time.UnixMilli(int64(v * 1000)), false, nil
		}
	case string:
		v = strings.TrimSpace(v)
		if at, err := time.ParseInLocation(time.DateOnly, v, zone); err == nil {
			return at, true, nil
		}
		for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
			if at, err := time.ParseInLocation(layout, v, zone); err == nil {
				return at, false, nil
			}
		}
		if n, err := strconv.ParseInt(v, 10, 40); err == nil && n >= 0 {
			return time.Unix(n, 0), false, nil
		}
	}
	return at, false, fmt.Errorf("must be a time such as 2026-01-31, 2026-01-31T12:00:00Z, or seconds since 1970, not %.40q", fmt.Sprint(value))
}
