package source

// This file tests that rows are what encoding/csv makes of them.

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// rowsOf are all rows with their lines, and how reading ends.
func rowsOf(r io.Reader, views bool) (all []string, end error) {
	rows := newCSVRows(r, views)
	for {
		fields, line, err := rows.next()
		if err != nil {
			return all, err
		}
		all = append(all, fmt.Sprintf("%d %q", line, fields))
	}
}

// standard are those of encoding/csv.
func standard(r io.Reader) (all []string, end error) {
	rows := csv.NewReader(r)
	rows.Comment, rows.ReuseRecord, rows.TrimLeadingSpace = '#', true, true
	for {
		fields, err := rows.Read()
		if err != nil {
			return all, err
		}
		line, _ := rows.FieldPos(0)
		all = append(all, fmt.Sprintf("%d %q", line, fields))
	}
}

// same reports whether two readings end alike.
func same(a, b error) bool {
	var x, y *csv.ParseError
	if errors.As(a, &x) && errors.As(b, &y) {
		return x.Err == y.Err && x.StartLine == y.StartLine && x.Line == y.Line
	}
	return errors.Is(a, b)
}

func compare(t *testing.T, text string, views bool) {
	t.Helper()
	want, wantEnd := standard(strings.NewReader(text))
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
		if got, end := rowsOf(r, views); !slices.Equal(got, want) || !same(end, wantEnd) {
			t.Fatalf("%q, %s: %q, %v; want %q, %v", text, name, got, end, want, wantEnd)
		}
	}
}

func TestCSVRows(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "a,b\n1,2\n", "no last newline": "a,b\n1,2", "CRLF": "a,b\r\n1,2\r\n", "a CR at the end": "a,b\r\n1,2\r", "empty": "", "blank lines": "\n\na\n\n\nb\n\r\n",
		"comments": "# x\na,b\n#\"\n1,2\n", "no comment": " # x,a\n1,#2\n", "spaces": "  a, b ,\u00a0c\n \t1,,\n", "one empty field": "a\n \n", "quotes": "\"a\",\"b\"\n\"1,\"\"2\"\"\",3\n",
		"lines in quotes": "a,b\n\"1\n2\r\n\n#3\",4\n5,6\n", "too few": "a,b\n1\n", "too many": "a\n1,2\n", "a bare quote": "a\nx\"y\n", "after a quote": "a\n\"x\"y\n", "no end": "a\n\"x\ny",
		"no end of an empty one": "a\n\"", "CR in quotes": "\"a\rb\"\r\n", "a CR": "a\rb\n", "quotes and spaces": "a,b\n  \"1\" ,2\n", "empty in quotes": "a,b\n\"\",\"\"\n",
		"many lines in quotes": "a,b\n\"" + strings.Repeat("line\n", 20_000) + "\",4\n5,6\n", "larger than the window": "a\n" + strings.Repeat("x", 3*csvWindow) + "\ny\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, views := range []bool{true, false} {
				compare(t, text, views)
			}
		})
	}
}

func TestCSVRowsAtRandom(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, seed))
	parts := []string{"a", "bc", ",", ",", "\n", "\r\n", "\"", "\"", "\"\"", " ", "#", "\r", "\u00a0"}
	for range 20_000 {
		var text strings.Builder
		for range r.IntN(14) {
			text.WriteString(parts[r.IntN(len(parts))])
		}
		compare(t, text.String(), r.IntN(2) == 0)
	}
}

func TestCSVEnds(t *testing.T) {
	broken := errors.New("broken")
	long := strings.Repeat("x", mostRow+csvWindow)
	for name, row := range map[string]struct {
		r    io.Reader
		want error
	}{
		"a broken reader":      {io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), broken},
		"a long line":          {strings.NewReader("a\n" + long + "\n"), errLongRow},
		"a long field":         {strings.NewReader("a\n\"" + strings.Repeat(long[:1000]+"\n", mostRow/1000+2) + "\"\n"), errLongRow},
		"a reader of nothing":  {iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("a\n"))), iotest.ErrTimeout},
		"a line that goes on ": {io.MultiReader(strings.NewReader("a\n\"b\n"), iotest.ErrReader(broken)), broken},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rowsOf(row.r, true)
			var e *csv.ParseError
			if errors.As(err, &e) {
				err = e.Err
			}
			if !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
		})
	}
}

// A row of a list that is not held leaves nothing behind; one that is has its own text.
func TestCSVAllocations(t *testing.T) {
	const n = 10_000
	text := "a,b,c\n" + strings.Repeat("x,\"1\",y\nz,2,\n", n/2)
	for _, row := range []struct {
		views bool
		most  float64
	}{{true, 20}, {false, n + 20}} {
		t.Run(fmt.Sprint("views ", row.views), func(t *testing.T) {
			got := testing.AllocsPerRun(3, func() {
				rows := newCSVRows(strings.NewReader(text), row.views)
				for {
					if _, _, err := rows.next(); err != nil {
						return
					}
				}
			})
			if got > row.most {
				t.Errorf("%v allocations for %d rows", got, n)
			}
		})
	}
	rows := newCSVRows(strings.NewReader(strings.Repeat("abcdef\n", csvWindow)), false)
	first, _, _ := rows.next()
	kept := first[0]
	for range csvWindow - 1 {
		if _, _, err := rows.next(); err != nil {
			t.Fatal(err)
		}
	}
	if kept != "abcdef" {
		t.Errorf("%q", kept)
	}
}
