package luabind

import (
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// os: time, date, clock and difftime, on the engine's clock.

func (v *vm) openOS() {
	l := v.main
	lib := l.NewTable()
	for name, f := range map[string]lua.LGFunction{"time": v.osTime, "date": v.osDate, "clock": v.osClock, "difftime": osDiffTime} {
		lib.RawSetString(name, l.NewFunction(f))
	}
	l.SetGlobal("os", lib)
}

// zone is the time zone of scripts: that of the clock, which is the process's (TZ), or a spec's.
func (v *vm) zone() *time.Location { return v.clock.Wall().Location() }

func (v *vm) osClock(l *lua.LState) int {
	l.Push(lua.LNumber(time.Duration(v.clock.Now()).Seconds()))
	return 1
}

func osDiffTime(l *lua.LState) int {
	a, b := numberArg(l, 1), 0.0
	if l.Get(2) != lua.LNil {
		b = numberArg(l, 2)
	}
	l.Push(lua.LNumber(a - b))
	return 1
}

// osTime is os.time([{year=, month=, day=, hour=, min=, sec=}]).
func (v *vm) osTime(l *lua.LState) int {
	t, ok := l.Get(1).(*lua.LTable)
	if !ok {
		if l.Get(1) != lua.LNil {
			raise(l, "os.time needs a table, not %s", describe(l.Get(1)))
		}
		l.Push(lua.LNumber(v.clock.Wall().Unix()))
		return 1
	}
	field := func(name string, def int) int {
		switch x := t.RawGetString(name).(type) {
		case lua.LNumber:
			return int(x)
		case lua.LString:
			if n, ok := readNumber(string(x)); ok {
				return int(n)
			}
		case *lua.LNilType:
			if def >= 0 {
				return def
			}
		}
		raise(l, "os.time: the field '%s' must be a number", name)
		return 0
	}
	when := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1), field("hour", 12), field("min", 0), field("sec", 0), 0, v.zone())
	l.Push(lua.LNumber(when.Unix()))
	return 1
}

// osDate is os.date([format [, time]]): strftime, "*t" for a table, a leading "!" for UTC.
func (v *vm) osDate(l *lua.LState) int {
	format := l.OptString(1, "%c")
	t := v.clock.Wall()
	if l.Get(2) != lua.LNil {
		t = time.Unix(int64(numberArg(l, 2)), 0).In(v.zone())
	}
	if rest, utc := strings.CutPrefix(format, "!"); utc {
		format, t = rest, t.UTC()
	}
	if strings.HasPrefix(format, "*t") {
		l.Push(dateTable(l, t))
		return 1
	}
	tooLong(l, "os.date", len(format)*8)
	l.Push(lua.LString(strftime(t, format)))
	return 1
}

func dateTable(l *lua.LState, t time.Time) *lua.LTable {
	x := l.CreateTable(0, 9)
	for name, n := range map[string]int{"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "min": t.Minute(),
		"sec": t.Second(), "wday": int(t.Weekday()) + 1, "yday": t.YearDay()} {
		x.RawSetString(name, lua.LNumber(n))
	}
	x.RawSetString("isdst", lua.LBool(t.IsDST()))
	return x
}

// layouts are Go's time layouts of strftime's conversions.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'F': "2006-01-02",
	'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006",
	'Z': "MST", 'z': "-0700", 'e': "_2", 'h': "Jan", 'R': "15:04", 'r': "03:04:05 PM",
}

func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; {
		case c == '%':
			b.WriteByte('%')
		case c == 'j':
			fmt.Fprintf(&b, "%03d", t.YearDay())
		case c == 'w':
			fmt.Fprintf(&b, "%d", t.Weekday())
		case c == 's':
			fmt.Fprintf(&b, "%d", t.Unix())
		case c == 'u':
			fmt.Fprintf(&b, "%d", (int(t.Weekday())+6)%7+1)
		case c == 'C':
			fmt.Fprintf(&b, "%02d", t.Year()/100)
		case c == 'U': // weeks that begin on Sunday, W: on Monday
			fmt.Fprintf(&b, "%02d", (t.YearDay()+6-int(t.Weekday()))/7)
		case c == 'W':
			fmt.Fprintf(&b, "%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
		case c == 'V':
			_, week := t.ISOWeek()
			fmt.Fprintf(&b, "%02d", week)
		case c == 'G' || c == 'g':
			year, _ := t.ISOWeek()
			if c == 'g' {
				year %= 100
			}
			fmt.Fprintf(&b, "%02d", year)
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case layouts[c] != "":
			b.WriteString(t.Format(layouts[c]))
		default:
			b.WriteByte('%')
			b.WriteByte(c)
		}
	}
	return b.String()
}
