package source_test

// This file tests lists from tables, files and functions.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

// gateway is an entry with every kind of field there is.
type gateway struct {
	Name     string         `lua:"name" source:"key"`
	NextHop  string         `lua:"next_hop,required" source:"bare"`
	Weight   int            `lua:"weight" min:"1" max:"1000"`
	Priority uint8          `lua:"priority"`
	Cost     float64        `lua:"cost"`
	Up       bool           `lua:"up"`
	Timeout  time.Duration  `lua:"timeout" max:"60"`
	From     *time.Time     `lua:"from"`
	Net      netip.Prefix   `lua:"net"`
	Order    string         `lua:"order" oneof:"serial parallel"`
	Codecs   []string       `lua:"codecs"`
	Attrs    map[string]any `lua:"attrs"`
	Rewrite  any            `lua:"rewrite"`
}

func (g *gateway) Check() error {
	if g.NextHop == "bad" {
		return errors.New("bad is not a next hop")
	}
	return nil
}

func all(list []gateway) ([]gateway, error) { return list, nil }

// open opens a list of gateways.
func open(t *testing.T, s source.Spec) (*source.List[[]gateway], error) {
	t.Helper()
	l, err := source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "test", Build: all, Default: gateway{Weight: 7}})
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

// file writes a file and returns its source.
func file(t *testing.T, name, text string) (s source.Spec, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return source.Spec{URL: "file:" + path}, path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func show(list []gateway) string {
	var lines []string
	for _, g := range list {
		from := ""
		if g.From != nil {
			from = g.From.UTC().Format(time.RFC3339)
		}
		lines = append(lines, fmt.Sprint(g.Name, "|", g.NextHop, "|", g.Weight, "|", g.Priority, "|", g.Cost, "|", g.Up, "|", g.Timeout, "|", from, "|", g.Net, "|", g.Order, "|", g.Codecs, "|", g.Attrs, "|", g.Rewrite))
	}
	return strings.Join(lines, "\n")
}

const (
	whole = "a|sip:a|5|2|0.1|true|1.5s|2026-01-31T00:00:00Z|192.0.2.0/24|serial|[PCMA PCMU]|map[n:9007199254740993 x:y]|host"
	least = "|sip:b|7|0|0|false|0s||invalid Prefix||[]|map[]|<nil>"
)

// The same list, however it is written.
func TestSources(t *testing.T) {
	csv := "# ours\nname, next_hop,weight,priority,cost,up,timeout,from,net,order,codecs,attrs,rewrite\n" +
		"a,sip:a,5,2,0.1,yes,1.5,2026-01-31,192.0.2.0/24,serial,\"PCMA, PCMU\",\"{\"\"x\"\": \"\"y\"\", \"\"n\"\": 9007199254740993}\",host\n\n,sip:b,,,,,,,,,,,\n"
	json := `[{"name": "a", "next_hop": "sip:a", "weight": 5, "priority": 2, "cost": 0.1, "up": true, "timeout": 1.5, "from": "2026-01-31T00:00:00Z",
		"net": "192.0.2.0/24", "order": "serial", "codecs": ["PCMA", "PCMU"], "attrs": {"x": "y", "n": 9007199254740993}, "rewrite": "host"}, "sip:b"]`
	table := map[string]any{"next_hop": "sip:a", "weight": 5.0, "priority": 2.0, "cost": 0.1, "up": true, "timeout": 1.5, "from": "2026-01-31",
		"net": "192.0.2.0/24", "order": "serial", "codecs": []any{"PCMA", "PCMU"}, "attrs": map[string]any{"x": "y", "n": "9007199254740993"}, "rewrite": "host"}
	named := map[string]any{"name": "a"}
	for k, v := range table {
		named[k] = v
	}
	csvFile, _ := file(t, "x.csv", csv)
	jsonFile, _ := file(t, "x.json", json)
	objectFile, _ := file(t, "o.JSON", `{"a": `+json[1:strings.Index(json, `, "sip:b"`)]+`}`)
	textFile, _ := file(t, "x.txt", "# ours\n\n  sip:b # the second\n")
	for name, row := range map[string]struct {
		spec source.Spec
		want string
	}{
		"csv":          {csvFile, whole + "\n" + least},
		"json":         {jsonFile, whole + "\n" + least},
		"object":       {objectFile, whole},
		"lines":        {textFile, least},
		"list":         {source.Spec{Entries: []any{named, "sip:b"}}, whole + "\n" + least},
		"names":        {source.Spec{Entries: map[string]any{"a": table}}, whole},
		"names, bare":  {source.Spec{Entries: map[string]any{"b": "sip:b"}}, "b" + least},
		"nothing":      {source.Spec{Entries: map[string]any{}}, ""},
		"function":     {source.Spec{Func: func(context.Context) (any, error) { return []any{named}, nil }}, whole},
		"nothing said": {source.Spec{Func: func(context.Context) (any, error) { return nil, nil }}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := open(t, row.spec)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(l.Get()); got != row.want {
				t.Errorf("\n%s\nwant\n%s", got, row.want)
			}
		})
	}
	for name, text := range map[string]string{"empty.csv": "", "empty.json": "", "none.json": "[]", "empty.txt": "", "header.csv": "next_hop\n"} {
		t.Run(name, func(t *testing.T) {
			s, _ := file(t, name, text)
			if l, err := open(t, s); err != nil || len(l.Get()) != 0 {
				t.Errorf("%v", err)
			}
		})
	}
}

// Spreadsheets and editors may begin a file of UTF-8 with a byte order mark.
func TestByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{
		"x.csv": "next_hop,weight\r\nsip:a,3\r\n", "quoted.csv": "\"next_hop\",weight\nsip:a,3\n", "x.json": `[{"next_hop": "sip:a", "weight": 3}]`, "x.txt": "sip:a\n",
		"comment.txt": "# ours\nsip:a\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, mark := range []string{"", "\ufeff"} {
				s, _ := file(t, name, mark+text)
				l, err := open(t, s)
				if err != nil {
					t.Fatalf("%q: %v", mark, err)
				}
				if got := l.Get(); len(got) != 1 || got[0].NextHop != "sip:a" {
					t.Errorf("%q: %+v", mark, got)
				}
			}
		})
	}
	for name, want := range map[string]string{"x.csv": "x.csv:1", "x.json": "x.json:1"} {
		t.Run("two marks in "+name, func(t *testing.T) {
			s, _ := file(t, name, "\ufeff\ufeff[]")
			if _, err := open(t, s); err == nil || !strings.Contains(err.Error(), want) {
				t.Error(err)
			}
		})
	}
	s, _ := file(t, "empty.csv", "\ufeff")
	if l, err := open(t, s); err != nil || len(l.Get()) != 0 {
		t.Errorf("nothing but a mark: %v", err)
	}
}

// An error names the file and the line, and what would be right.
func TestErrors(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"column.csv":   {"next_hop,wieght\n", `column.csv:1: unknown "wieght"; the names are attrs, codecs`},
		"twice.csv":    {"next_hop,Next_Hop\n", "twice.csv:1: the column next_hop is there twice"},
		"lacks.csv":    {"weight\n1\n", "lacks.csv:1: the column next_hop is missing"},
		"whole.csv":    {"# x\nnext_hop,weight\nsip:a,1\n\nsip:b,1.5\n", `whole.csv:5: weight: must be a whole number, not "1.5"`},
		"small.csv":    {"next_hop,weight\nsip:a,0\n", "small.csv:2: weight: must be at least 1"},
		"large.csv":    {"next_hop,weight\nsip:a,1001\n", "large.csv:2: weight: must be at most 1000"},
		"over.csv":     {"next_hop,priority\nsip:a,256\n", "over.csv:2: priority: must be a smaller number"},
		"under.csv":    {"next_hop,priority\nsip:a,-1\n", "under.csv:2: priority: must be a whole number"},
		"one.csv":      {"next_hop,order\nsip:a,random\n", `one.csv:2: order: must be one of serial, parallel, not "random"`},
		"time.csv":     {"next_hop,from\nsip:a,tomorrow\n", "time.csv:2: from: must be a time such as 2026-01-31"},
		"long.csv":     {"next_hop,timeout\nsip:a,61\n", "long.csv:2: timeout: must be at most 60"},
		"net.csv":      {"next_hop,net\nsip:a,192.0.2.0\n", "net.csv:2: net: "},
		"attrs.csv":    {"next_hop,attrs\nsip:a,x\n", "attrs.csv:2: attrs: must be an object of JSON"},
		"required.csv": {"next_hop,weight\n\"\",1\n", "required.csv:2: next_hop is empty"},
		"check.csv":    {"next_hop\nbad\n", "check.csv:2: bad is not a next hop"},
		"fields.csv":   {"next_hop,weight\nsip:a\n", "fields.csv:2: wrong number of fields"},
		"quote.csv":    {"next_hop\n\"a\n", "quote.csv:2: "},
		"many.csv":     {"next_hop,weight\n" + strings.Repeat("a,x\n", 8), "many.csv:7: and perhaps more"},
		"x.json":       {"[\n {\"next_hop\": \"a\"},\n {\"next_hop\": \"b\",\n\"weight\": \"x\"}]", `x.json:3: weight: must be a whole number, not "x"`},
		"key.json":     {"[{\"next_hop\": \"a\", \"wieght\": 1}]", `key.json:1: unknown "wieght"`},
		"lacks.json":   {"[\n{}]", "lacks.json:2: next_hop is missing"},
		"number.json":  {"[\n\n7]", ""},
		"text.json":    {`"x"`, "text.json:1: expected a list of entries"},
		"cut.json":     {"[\n\"a\",", "cut.json:2: "},
		"more.json":    {"[]\n[]", "more.json:2: expected nothing after the list"},
		"check.txt":    {"sip:a\n\nbad\n", "check.txt:3: bad is not a next hop"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.want == "" { // a number is text as well
				return
			}
			s, path := file(t, name, row.text)
			_, err := open(t, s)
			if err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "test: "+filepath.Dir(path)) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	for name, row := range map[string]struct {
		spec source.Spec
		want string
	}{
		"missing":        {source.Spec{URL: "file:/does/not/exist"}, "no such file"},
		"a directory":    {source.Spec{URL: "file:/"}, "/ is a directory"},
		"an entry":       {source.Spec{Entries: []any{"sip:a", map[string]any{"x": 1.0}}}, `entry 2: unknown "x"`},
		"a named entry":  {source.Spec{Entries: map[string]any{"carrier": map[string]any{"next_hop": "bad"}}}, "carrier: bad is not a next hop"},
		"a list in it":   {source.Spec{Entries: []any{[]any{}}}, "entry 1: next_hop: must be text, not a table"},
		"text":           {source.Spec{Entries: "x"}, "expected a table"},
		"a function":     {source.Spec{Func: func(context.Context) (any, error) { return nil, errors.New("away") }}, "test: away"},
		"its result":     {source.Spec{Func: func(context.Context) (any, error) { return 7.0, nil }}, "expected a table"},
		"no database":    {source.Spec{URL: "sqlite:x", Query: "SELECT"}, "databases are not available here"},
		"no query":       {source.Spec{URL: "sqlite:x"}, "a database needs a query"},
		"unknown layout": {source.Spec{URL: "sqlite:x", Layout: "asterisk"}, `there is no layout "asterisk"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := open(t, row.spec); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// What Build finds wrong has its line, too; too many entries are refused.
func TestBuildErrors(t *testing.T) {
	s, _ := file(t, "x.txt", "# c\nsip:a\n\nsip:a\n")
	twice := func(list []gateway) (map[string]gateway, error) {
		m := map[string]gateway{}
		for i, g := range list {
			if _, ok := m[g.NextHop]; ok {
				return nil, source.At(i, errors.New("is there twice"))
			}
			m[g.NextHop] = g
		}
		return m, nil
	}
	_, err := source.Open(t.Context(), s, source.Options[gateway, map[string]gateway]{Name: "test", Build: twice})
	if err == nil || !strings.HasSuffix(err.Error(), "x.txt:4: is there twice") {
		t.Error(err)
	}
	_, err = source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "test", Build: all, Max: 1})
	if err == nil || !strings.Contains(err.Error(), "x.txt:4: too many entries: more than 1") {
		t.Error(err)
	}
}

// A file is read again when it has changed and rests; a bad one leaves the list in force, and is
// told once.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := file(t, "x.txt", "sip:a\n")
		var log lockedLog
		l, err := source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "test", Build: all, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		is := func(want string, stale bool) {
			t.Helper()
			var got []string
			for _, g := range l.Get() {
				got = append(got, g.NextHop)
			}
			st := l.Stats()
			if strings.Join(got, " ") != want || st.Entries != len(got) || !st.Stale.IsZero() != stale {
				t.Errorf("%q, stale since %v; want %q, stale %v", got, st.Stale, want, stale)
			}
		}
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		is("sip:a", false)
		write(t, path, "sip:a\nsip:b\n")
		pass(time.Second)
		is("sip:a sip:b", false)
		// Somebody who writes for a long time is not interrupted.
		for i := range 5 {
			write(t, path, strings.Repeat("sip:part\n", i+1))
			pass(400 * time.Millisecond)
			is("sip:a sip:b", false)
		}
		write(t, path, "sip:a\nbad\n")
		pass(5 * time.Second)
		is("sip:a sip:b", true)
		if n := strings.Count(log.String(), "x.txt:2: bad is not a next hop"); n != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
		if st := l.Stats(); st.Failures != 1 {
			t.Errorf("%+v", st)
		}
		// Gone, and back as it was.
		write(t, path, "sip:c\n")
		pass(time.Second)
		is("sip:c", false)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		is("sip:c", true)
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		is("sip:c", false)
		write(t, path, "sip:d\n")
		if err := l.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		is("sip:d", false)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		write(t, path, "sip:e\n")
		pass(time.Minute)
		is("sip:d", false) // nobody looks any more
	})
}

func TestMetrics(t *testing.T) {
	now := time.Unix(1000, 0)
	fail := false
	s := source.Spec{Func: func(context.Context) (any, error) {
		if fail {
			return nil, errors.New("away")
		}
		return []any{"sip:a"}, nil
	}}
	l, err := source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "x.y", Build: all, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fail = true
	now = now.Add(10 * time.Second)
	for range 2 {
		if err := l.Reload(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	now = now.Add(5 * time.Second)
	want := map[string]float64{"list_entries": 1, "list_age_seconds": 15, "list_stale_seconds": 5, "list_failures_total": 2}
	for _, m := range l.Metrics() {
		if got := m.Value(); got != want[m.Name] || m.Labels["list"] != "x.y" {
			t.Errorf("%s: %v, want %v", m.Name, got, want[m.Name])
		}
		delete(want, m.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Reload(ended); err == nil || l.Stats().Failures != 2 {
		t.Errorf("a caller who leaves: %v %+v", err, l.Stats())
	}
}

func TestSpecOf(t *testing.T) {
	isURL := func(text string) bool { return strings.HasPrefix(text, "sqlite:") }
	for name, row := range map[string]struct {
		value any
		want  string
	}{
		"file":        {"file:x.csv", "x.csv"},
		"database":    {"sqlite:x", "sqlite:x"},
		"with query":  {map[string]any{"url": "sqlite:x", "query": "SELECT 1", "every": 5.0}, "sqlite:x"},
		"list":        {[]any{"a"}, "a table"},
		"table":       {map[string]any{"a": "b"}, "a table"},
		"other text":  {"postgres://u:hidden@h/d", "error: expected a table"},
		"a number":    {7.0, "error: expected a table"},
		"bad url":     {map[string]any{"url": "oracle:x"}, "error: expected a table"},
		"bad every":   {map[string]any{"url": "sqlite:x", "every": "soon"}, "error: every must be"},
		"bad key":     {map[string]any{"url": "sqlite:x", "qury": "x"}, `error: unknown key "qury"`},
		"bad query":   {map[string]any{"url": "sqlite:x", "query": 1.0}, "error: query must be text"},
		"bad domain":  {map[string]any{"url": "sqlite:x", "use_domain": 1.0}, "error: use_domain must be"},
		"both":        {map[string]any{"url": "sqlite:x", "query": "x", "layout": "y"}, "error: a source has a query or a layout"},
		"a user, url": {map[string]any{"url": "secret"}, "a table"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := source.SpecOf(row.value, isURL)
			got := s.Name()
			if err != nil {
				got = "error: " + err.Error()
			}
			if !strings.HasPrefix(got, row.want) || strings.Contains(got, "hidden") {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

func TestKeyed(t *testing.T) {
	now := time.Unix(0, 0)
	there := map[string]int{"a@x": 1, "a@y": 2}
	asked := 0
	var fail error
	k := source.NewKeyed(source.KeyedOptions[string, int]{
		Slot: func(key string) string { user, _, _ := strings.Cut(key, "@"); return user },
		Fetch: func(_ context.Context, key string) (int, bool, error) {
			asked++
			n, ok := there[key]
			return n, ok, fail
		},
	})
	step := func(key string, want int, found bool, from int) {
		t.Helper()
		before := asked
		n, ok := k.Peek(key, now, time.Minute)
		if !ok {
			var err error
			if n, ok, err = k.Get(t.Context(), key, now); !errors.Is(err, fail) {
				t.Error(err)
			}
		}
		if n != want || ok != found || asked-before != from {
			t.Errorf("%s: %d %v, asked %d times", key, n, ok, asked-before)
		}
	}
	step("a@x", 1, true, 1)
	step("a@x", 1, true, 0)
	step("a@y", 2, true, 1) // of one slot the last
	step("a@x", 1, true, 1)
	now = now.Add(time.Minute)
	step("a@x", 1, true, 1)
	step("b@x", 0, false, 1)
	step("b@x", 0, false, 1) // never remembered that it is not
	k.Forget("a")
	step("a@x", 1, true, 1)
	delete(there, "a@x")
	step("a@x", 1, true, 0)
	if k.Len() != 1 {
		t.Error(k.Len())
	}
	fail = errors.New("away")
	step("a@x", 1, true, 0)
	step("c@x", 0, false, 1)
}

// A million prefixes of a rate sheet.
func BenchmarkCSV(b *testing.B) {
	type rate struct {
		Prefix  string  `lua:"prefix,required"`
		Carrier string  `lua:"carrier"`
		Cost    float64 `lua:"cost"`
	}
	var text strings.Builder
	text.WriteString("prefix,carrier,cost\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%d,carrier%d,0.%04d\n", 1_000_000+i, i%7, i%10000)
	}
	path := filepath.Join(b.TempDir(), "rates.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l, err := source.Open(b.Context(), source.Spec{URL: "file:" + path}, source.Options[rate, int]{Name: "rates", Build: func(list []rate) (int, error) { return len(list), nil }})
		if err != nil || l.Get() != 1_000_000 {
			b.Fatal(err)
		}
		_ = l.Close()
	}
}

// lockedLog is a log that is read while others write to it.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
