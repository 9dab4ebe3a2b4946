package host

// Commands that show what a running server answers.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// watchEvery is how often --watch asks.
const watchEvery = time.Second

// ShowFlags are the flags of a command that calls Show.
func ShowFlags() []Flag {
	return []Flag{{Name: "json", Kind: Bool, Usage: "print JSON"},
		{Name: "watch", Kind: Bool, Usage: "show it again when it changes, until interrupted"}}
}

// View is an answer for people.
type View struct {
	Table []byte // what is printed
	// Essence is what has to differ for --watch to print the table again; nil: the table. Times
	// that run are left out of it.
	Essence []byte
}

// Show asks for a path of the admin API, and prints the answer: with --json as it is, else as the
// view that look makes of A, into which the answer is read. With --watch it asks again and again.
func Show[A any](c *Invocation, path string, look func(a *A) View) error {
	again := c.Again
	if again == nil {
		again = pause
	}
	var before []byte
	for first := true; ; first = false {
		text, err := c.Get(path)
		if err != nil {
			return err
		}
		var answer A
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("the server's answer can't be read: %w", err)
		}
		v := look(&answer)
		if v.Essence == nil {
			v.Essence = v.Table
		}
		if first || !bytes.Equal(v.Essence, before) {
			before = v.Essence
			if err := c.print(text, v.Table, first); err != nil {
				return err
			}
		}
		if !c.Flags.Bool("watch") || !again(c.Context) {
			return nil
		}
	}
}

func (c *Invocation) print(text, table []byte, first bool) error {
	if c.Flags.Bool("json") {
		table = PrintableJSON(text)
	} else if !first {
		table = append([]byte{'\n'}, table...)
	}
	_, err := c.Stdout.Write(table)
	return err
}

// pause waits, unless the command ends.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Table is rows in columns; the first row has their names. What a terminal would obey is not shown.
func Table(rows ...[]string) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Printable(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // into memory
	return b.Bytes()
}

// Printable is what strangers wrote, without what a terminal would obey.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// PrintableJSON is JSON for a terminal: what that would obey, or what would turn the order of
// characters, is written as JSON's escapes. Such characters are only in strings.
func PrintableJSON(text []byte) []byte {
	if bytes.IndexFunc(text, obeyed) < 0 {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) { // what is not UTF-8 becomes U+FFFD
		if obeyed(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// obeyed are DEL, C1, what turns the direction of text, and bytes that are no UTF-8. JSON itself
// escapes C0.
func obeyed(r rune) bool {
	return r == utf8.RuneError || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// Alone runs what a command does that was given none of its sub-commands.
func (c *Invocation) Alone(run func(*Invocation) error, subs ...string) error {
	if len(c.Args) > 0 {
		return Usagef("%s: unknown command %q; the commands are %s", c.Command, c.Args[0], strings.Join(subs, ", "))
	}
	return run(c)
}
