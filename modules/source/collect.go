package source

// Collecting entries: whatever reads a source gives them here, one after another.

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sipscript/sipscript/modules/internal/breathe"
)

const (
	// shownErrors is how many bad entries an error names.
	shownErrors = 5
	// defaultMax bounds the entries of a list.
	defaultMax = 4_000_000
	// stride is how many entries are read before others may run: some 0.3 ms.
	stride = 512
)

// At is the error of the i-th entry that Build was given: the list's error names its line.
func At(i int, err error) error { return &entryError{i, err} }

type entryError struct {
	index int
	err   error
}

func (e *entryError) Error() string { return fmt.Sprintf("entry %d: %v", e.index+1, e.err) }
func (e *entryError) Unwrap() error { return e.err }

// checker is an entry that can check itself.
type checker interface{ Check() error }

// binding says which columns are which fields.
type binding struct {
	names  []string
	fields []int
}

// collector is the entries of one reading.
type collector[T any] struct {
	typ   *entryType
	std   T
	max   int
	list  []T
	where []int // line or number of each entry
	place func(n int) string
	bad   []error
	bound []int // fields of the columns, -1: not read
	// learned is shared by all readings of a list: the names are the same every time
	learned *atomic.Pointer[binding]
	loose   bool // columns that are not known are not read
	// fold, if not nil, takes each entry instead of list, which then holds only the one being read
	fold   func(entry *T) error
	count  int // of entries
	parser func(line string) (entry T, is bool, err error)
	// What serves again
	scratch []byte
	last    []last // of each field
}

// last is the last text of a field, and the value made of it.
type last struct {
	text  string
	value any
}

var errTooMany = errors.New("too many entries")

// fail notes a bad entry. It returns false when enough are known.
func (c *collector[T]) fail(n int, err error) bool {
	if len(c.bad) == shownErrors {
		c.bad = append(c.bad, fmt.Errorf("%s: and perhaps more", c.place(n)))
		return false
	}
	c.bad = append(c.bad, fmt.Errorf("%s: %w", c.place(n), err))
	return true
}

// add fills an entry and adds it. It returns false if there is no point in continuing.
func (c *collector[T]) add(n int, fill func(entry reflect.Value) error) bool {
	entry := c.open(n)
	return entry != nil && c.shut(n, fill(reflect.ValueOf(entry).Elem()))
}

// open appends an entry as it is before it is read; nil if there are too many.
func (c *collector[T]) open(n int) *T {
	if c.count >= c.max {
		c.bad = append(c.bad, fmt.Errorf("%s: %w: more than %d", c.place(n), errTooMany, c.max))
		return nil
	}
	if c.fold != nil {
		c.list = c.list[:0]
	}
	c.list = append(c.list, c.std)
	return &c.list[len(c.list)-1]
}

// shut keeps the entry that was opened, or with an error takes it away again. It returns false if
// there is no point in continuing.
func (c *collector[T]) shut(n int, err error) bool {
	last := len(c.list) - 1
	if x, ok := any(&c.list[last]).(checker); ok && err == nil {
		err = x.Check()
	}
	if err == nil && c.fold != nil {
		err = c.fold(&c.list[last])
	}
	if err != nil {
		c.list = c.list[:last]
		return c.fail(n, err)
	}
	c.count++
	if c.fold == nil {
		c.where = append(c.where, n)
	}
	breathe.Every(stride, c.count)
	return true
}

// take takes in an entry that was made elsewhere.
func (c *collector[T]) take(n int, entry T) bool {
	e := c.open(n)
	if e == nil {
		return false
	}
	*e = entry
	return c.shut(n, nil)
}

// columns says what the values of rows are. Names are compared without case.
func (c *collector[T]) columns(names []string) error {
	if b := c.learned.Load(); b != nil && slices.Equal(b.names, names) {
		c.bound = b.fields
		return nil
	}
	c.bound = make([]int, len(names))
	seen := map[string]bool{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		f, ok := c.typ.byName[name]
		switch {
		case ok && seen[name]:
			return fmt.Errorf("the column %s is there twice", name)
		case ok:
			c.bound[i] = f
		case c.loose:
			c.bound[i] = -1
		default:
			return c.typ.unknown(name)
		}
		seen[name] = true
	}
	for _, f := range c.typ.fields {
		if f.required && !seen[f.name] {
			return fmt.Errorf("the column %s is missing", f.name)
		}
	}
	kept := make([]string, len(names))
	for i, name := range names {
		kept[i] = strings.Clone(name) // the row's text serves again
	}
	c.learned.Store(&binding{kept, c.bound})
	return nil
}

// row takes in one row of the columns.
func (c *collector[T]) row(n int, values []any) bool {
	entry := c.open(n)
	return entry != nil && c.shut(n, c.fill(reflect.ValueOf(entry).Elem(), values))
}

// texts is row for values that are all text, as files have them.
func (c *collector[T]) texts(n int, values []string) bool {
	entry := c.open(n)
	return entry != nil && c.shut(n, c.fillTexts(reflect.ValueOf(entry).Elem(), values))
}

func (c *collector[T]) fillTexts(entry reflect.Value, values []string) error {
	for i, f := range c.bound {
		if f < 0 {
			continue
		}
		field, text := &c.typ.fields[f], values[i]
		if text == "" {
			if field.required {
				return fmt.Errorf("%s is empty", field.name)
			}
			continue
		}
		if err := c.fillText(field, f, entry.Field(field.index), text); err != nil {
			return err
		}
	}
	return nil
}

// fillText sets the f-th field to a text, without making a value of it first where that is not
// needed.
func (c *collector[T]) fillText(field *field, f int, to reflect.Value, text string) (err error) {
	switch field.kind {
	case plainText:
		to.SetString(text)
		return nil
	case parsed:
		c.scratch = append(c.scratch[:0], text...)
		err = to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(c.scratch)
	case float:
		n, ok := numberIn(text)
		if !ok {
			err = wrong(text, "a number")
		}
		to.SetFloat(n)
	default:
		err = field.set(to, c.boxed(f, text))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", field.name, err)
	}
	return field.check(to)
}

// boxed is the text of the f-th field as a value that may be kept. Many rows have the same as the
// one before.
func (c *collector[T]) boxed(f int, text string) any {
	if c.last == nil {
		c.last = make([]last, len(c.typ.fields))
	}
	l := &c.last[f]
	if l.value == nil || l.text != text {
		if c.fold != nil {
			text = strings.Clone(text)
		}
		*l = last{text, text}
	}
	return l.value
}

func (c *collector[T]) fill(entry reflect.Value, values []any) error {
	for i, f := range c.bound {
		if f < 0 {
			continue
		}
		field := &c.typ.fields[f]
		if field.required && (values[i] == nil || values[i] == "") {
			return fmt.Errorf("%s is empty", field.name)
		}
		if err := field.put(entry, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// line takes in one line of text.
func (c *collector[T]) line(n int, text string) bool {
	if c.parser != nil {
		entry, is, err := c.parser(text)
		if err != nil {
			return c.fail(n, err)
		}
		return !is || c.take(n, entry)
	}
	text, _, _ = strings.Cut(text, "#")
	if text = strings.TrimSpace(text); text == "" {
		return true
	}
	return c.value(n, "", text)
}

// value adds what a table or JSON has for an entry: a table with names, or a string. name is its
// name there, "" for none.
func (c *collector[T]) value(n int, name string, value any) bool {
	return c.add(n, func(entry reflect.Value) error {
		fields, isTable := value.(map[string]any)
		if !isTable {
			if c.typ.bare < 0 {
				return wrong(value, "a table with names")
			}
			fields = map[string]any{c.typ.fields[c.typ.bare].name: value}
		}
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			f, ok := c.typ.byName[key]
			if !ok {
				return c.typ.unknown(key)
			}
			if err := c.typ.fields[f].put(entry, fields[key]); err != nil {
				return err
			}
		}
		if name != "" && c.typ.key >= 0 {
			if err := c.typ.fields[c.typ.key].put(entry, name); err != nil {
				return err
			}
		}
		for i, f := range c.typ.fields {
			if x := fields[f.name]; f.required && (x == nil || x == "") && (name == "" || i != c.typ.key) {
				return fmt.Errorf("%s is missing", f.name)
			}
		}
		return nil
	})
}

// table takes in a table: a list of entries, or entries by name.
func (c *collector[T]) table(value any) error {
	switch v := value.(type) {
	case nil:
	case []any:
		for i, x := range v {
			if !c.value(i+1, "", x) {
				break
			}
		}
	case map[string]any:
		if len(v) > 0 && c.typ.key < 0 {
			return errors.New("expected a list of entries, not a table with names")
		}
		names := slices.Sorted(maps.Keys(v))
		c.place = func(n int) string { return names[n-1] }
		for i, name := range names {
			if !c.value(i+1, name, v[name]) {
				break
			}
		}
	default:
		return ErrSpec
	}
	return nil
}

// err is what is wrong with everything that was collected.
func (c *collector[T]) err() error { return errors.Join(c.bad...) }

// placed names the line of an entry that Build found wrong.
func (c *collector[T]) placed(err error) error {
	var e *entryError
	if errors.As(err, &e) && e.index >= 0 && e.index < len(c.where) {
		return fmt.Errorf("%s: %w", c.place(c.where[e.index]), e.err)
	}
	return err
}
