package host_test

// This file tests the life of modules in a process.

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// fake is a module with all that may be there.
type fake struct {
	name  string
	notes *[]string
	fail  error // of Close
}

func (f *fake) Name() string                               { return f.name }
func (f *fake) Open(*luabind.Host) (luabind.Module, error) { return nil, errors.New("not here") }
func (f *fake) Storage() string {
	if f.name == "silent" {
		return ""
	}
	return f.name + " keeps nothing"
}
func (f *fake) Metrics() []luabind.Metric { return []luabind.Metric{{Name: f.name + "_total"}} }

func (f *fake) Close() error {
	*f.notes = append(*f.notes, "close "+f.name)
	return f.fail
}

func (f *fake) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/{name}", Summary: "tell whose it is", Serve: func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("name"); name != "x" {
			host.Refuse(w, http.StatusNotFound, errors.New("there is no "+name))
			return
		}
		host.Answer(w, http.StatusOK, map[string]string{"of": f.name})
	}}}
}

func plugin(name string, notes *[]string, fail, closing error) host.Plugin {
	return host.Plugin{Name: name, Flags: []host.Flag{{Name: name + "-flag"}}, New: func(env *host.Environment) (luabind.Opener, error) {
		*notes = append(*notes, "new "+name+" "+env.Flags.Text(name+"-flag"))
		if fail != nil {
			return nil, fail
		}
		return &fake{name, notes, closing}, nil
	}}
}

func TestSet(t *testing.T) {
	var notes []string
	s, err := host.Open([]host.Plugin{plugin("a", &notes, nil, errors.New("the disk is full")), plugin("b", &notes, nil, nil)},
		host.Environment{Flags: host.NewValues(map[string]any{"a-flag": "1", "b-flag": 2})})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Openers()); n != 2 {
		t.Errorf("%d openers", n)
	}
	if m := s.Metrics(); len(m) != 2 || m[1].Name != "b_total" {
		t.Errorf("%v", m)
	}
	if got := strings.Join(s.Storage(), ", "); got != "a keeps nothing, b keeps nothing" {
		t.Error(got)
	}
	server := httptest.NewServer(openapi.Handler(s.API()))
	defer server.Close()
	for path, want := range map[string]string{"/api/v1/b/x": `"of": "b"`, "/api/v1/a/y": `"error": "there is no y"`, "/api/v1/c/x": "404"} {
		t.Run(path, func(t *testing.T) {
			res, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %s", path, text)
			}
		})
	}
	if err := s.Close(); err == nil || err.Error() != "module a: the disk is full" {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if got := strings.Join(notes, ", "); got != "new a 1, new b , close b, close a" {
		t.Error(got)
	}
}

// A module that keeps nothing worth a line says "".
func TestStorage(t *testing.T) {
	var notes []string
	s, err := host.Open([]host.Plugin{plugin("silent", &notes, nil, nil), plugin("a", &notes, nil, nil)}, host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Storage(); len(got) != 1 || got[0] != "a keeps nothing" {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What was made is closed when the next can't be made.
func TestOpenThatFails(t *testing.T) {
	var notes []string
	bad := errors.New("no port")
	_, err := host.Open([]host.Plugin{plugin("a", &notes, nil, nil), plugin("b", &notes, bad, nil), plugin("c", &notes, nil, nil)}, host.Environment{})
	if !errors.Is(err, bad) || err.Error() != "no port" {
		t.Errorf("%v", err)
	}
	if got := strings.Join(notes, ", "); got != "new a , new b , close a" {
		t.Error(got)
	}
}

func TestBadPlugins(t *testing.T) {
	var notes []string
	fine := plugin("a", &notes, nil, nil)
	flag := func(name string) host.Plugin {
		p := plugin("b", &notes, nil, nil)
		p.Flags = []host.Flag{{Name: name}}
		return p
	}
	for name, row := range map[string]struct {
		list []host.Plugin
		want string
	}{
		"no name":    {[]host.Plugin{{New: fine.New}}, "needs a name"},
		"no New":     {[]host.Plugin{{Name: "x"}}, "needs a name and a New"},
		"twice":      {[]host.Plugin{fine, fine}, `two plugins "a"`},
		"one flag":   {[]host.Plugin{fine, flag("a-flag")}, "--a-flag is a flag of both a and b"},
		"underscore": {[]host.Plugin{flag("a_flag")}, `a flag named "a_flag"`},
		"capitals":   {[]host.Plugin{flag("Flag")}, `a flag named "Flag"`},
		"nothing": {[]host.Plugin{{Name: "x", New: func(*host.Environment) (luabind.Opener, error) { return nil, nil }}},
			"neither a module nor an error"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := host.Open(row.list, host.Environment{}); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// The modules of the binary can be made without touching anything.
func TestOffline(t *testing.T) {
	list, err := all.Offline()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all.Plugins() {
		if list[i].Name() != p.Name {
			t.Errorf("plugin %s makes the module %s", p.Name, list[i].Name())
		}
	}
}

func TestValues(t *testing.T) {
	v := host.NewValues(map[string]any{"t": "x", "l": []string{"a", "b"}, "b": true, "i": 3, "d": time.Second})
	if v.Text("t") != "x" || len(v.List("l")) != 2 || !v.Bool("b") || v.Int("i") != 3 || v.Duration("d") != time.Second {
		t.Error("a value is lost")
	}
	if v.Text("i") != "" || v.Int("none") != 0 {
		t.Error("a value that is not there")
	}
}

func TestURL(t *testing.T) {
	u := host.URL("redis://u:hidden@h:6379/0")
	if got := u.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "h:6379") {
		t.Error(got)
	}
	if got := host.URL("redis://:hidden@h:x").String(); strings.Contains(got, "hidden") {
		t.Error(got)
	}
	err := host.URL("postgres://u:hidden@h/db").Explain("db", errors.New("refused"))
	if want := "--db postgres://u:xxxxx@h/db: refused; start PostgreSQL there, or correct the URL"; err.Error() != want {
		t.Error(err)
	}
}
