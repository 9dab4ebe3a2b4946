package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

// Each part of the API that operators look at has its command, which prints a table, JSON, and with
// --watch asks again.
func TestCommandsThatShow(t *testing.T) {
	s, _ := served(t, "--set", "who=a")
	ask := newAsker(t, s.admin.Addr().String())
	list := append(serverCommands(), host.Commands(all.Plugins())...)
	list = append(list, host.Command{Name: "trace", Sub: []host.Command{traceListCommand()}})
	shown := map[string]bool{} // the commands that have a row
	for _, row := range []struct{ words, path, want string }{
		{"registrations list", "registrar/", "nobody is registered"},
		{"registrations count", "registrar/", "0"},
		{"calls list", "dialog/calls", "CALL-ID"},
		{"dispatch list", "dispatch/", "GATEWAY"},
		{"acl list", "acl/lists", "LIST"},
		{"acl check 192.0.2.1", "acl/", ""},
		{"bans list", "limit/bans", "SOURCE"},
		{"presence list", "presence/", "USER"},
		{"presence watchers sip:a@example.com", "presence/", ""},
		{"messages", "messages/pending", "no messages wait"},
		{"accounts", "uac/registrations", "NAME"},
		{"uac registrations", "uac/registrations", "NAME"},
		{"lanes", "lanes", "background"},
		{"generations", "generations", "serving"},
		{"arguments list", "arguments", "who"},
		{"log-level", "log-level", "info"},
		{"trace list", "trace/calls", "CALL-ID"},
		{"listeners list", "listeners", "udp"},
		{"rtpengine engines", "rtpengine/engines", "ENGINE"},
		{"acc destinations", "acc/", ""},
		{"nat list", "nat/", ""},
		{"turn list", "turn/", ""},
		{"lcr list", "lcr/", ""},
		{"dialplan list", "dialplan/", ""},
		{"canary show", "canary", ""},
	} {
		words := strings.Fields(row.words)
		c, args := find(list, words)
		shown[strings.Join(words[:len(words)-len(args)], " ")] = true
		for _, flag := range []string{"", "json", "watch"} {
			t.Run(row.words+" "+flag, func(t *testing.T) {
				var out bytes.Buffer
				asked := []string{}
				again := 2
				flags := map[string]any{}
				for _, f := range c.Flags {
					if f.Kind == host.Int && f.Default != "" {
						flags[f.Name] = 10
					}
				}
				if flag != "" {
					flags[flag] = true
					if !has(&c, flag) {
						t.Errorf("it has no --%s", flag)
					}
				}
				err := c.Run(&host.Invocation{Context: t.Context(), Command: row.words, Args: args, Flags: host.NewValues(flags), Stdout: &out,
					Again: func(context.Context) bool { again--; return again >= 0 },
					Ask: func(method, path string, body io.Reader) ([]byte, error) {
						asked = append(asked, path)
						return ask(method, path, body)
					}})
				if err != nil || len(asked) == 0 || !strings.HasPrefix(asked[0], "/api/v1/"+row.path) {
					t.Fatalf("%v; asked for %q", err, asked)
				}
				isJSON := json.Valid(out.Bytes())
				switch {
				case flag == "json" && !isJSON:
					t.Errorf("not JSON: %s", &out)
				case flag != "json" && (out.Len() == 0 || strings.Contains(out.String(), "{") || !strings.Contains(out.String(), row.want)):
					t.Errorf("no table with %q: %s", row.want, &out)
				case flag == "watch" && len(asked) != 3 || flag != "watch" && len(asked) != 1:
					t.Errorf("asked %d times", len(asked))
				}
			})
		}
	}
	// A command that shows has both flags, and a row above or a reason.
	others := map[string]string{
		"calls show": "one call: modules/dialog", "presence state": "one user: modules/presence", "enum lookup": "asks the DNS: modules/enum",
		"status": "JSON: TestStatusCommand", "lcr lookup": "one number: modules/lcr", "dialplan lookup": "one text: modules/dialplan",
	}
	for _, name := range slices.Sorted(maps.Keys(commandsWith(list, "", map[string]bool{}))) {
		t.Run("has a row: "+name, func(t *testing.T) {
			words := strings.Fields(name)
			c, _ := find(list, words)
			if !has(&c, "json") || !has(&c, "watch") {
				t.Error("it has one of --json and --watch, not both")
			}
			if len(c.Sub) == 0 && !shown[name] && others[name] == "" {
				t.Error("it has no row")
			}
		})
	}
}

func has(c *host.Command, flag string) bool {
	return slices.ContainsFunc(c.Flags, func(f host.Flag) bool { return f.Name == flag })
}

// find is the command that words name, and the arguments that are left.
func find(list []host.Command, words []string) (c host.Command, args []string) {
	for len(words) > 0 {
		i := slices.IndexFunc(list, func(one host.Command) bool { return one.Name == words[0] })
		if i < 0 {
			break
		}
		c, list, words = list[i], list[i].Sub, words[1:]
	}
	return c, words
}

// commandsWith are those that have --json or --watch, except what acts.
func commandsWith(list []host.Command, above string, into map[string]bool) map[string]bool {
	for _, c := range list {
		name := above + c.Name
		for _, f := range c.Flags {
			if (f.Name == "json" || f.Name == "watch") && name != "dispatch mark" {
				into[name] = true
			}
		}
		commandsWith(c.Sub, name+" ", into)
	}
	return into
}

// newAsker asks a server.
func newAsker(t *testing.T, addr string) func(method, path string, body io.Reader) ([]byte, error) {
	return func(method, path string, body io.Reader) ([]byte, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, body)
		if err != nil {
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return io.ReadAll(res.Body)
	}
}

// Whatever else asks a running server says why it takes one of the two, or neither.
func TestOtherCommandsThatAsk(t *testing.T) {
	why := map[string]string{
		"reload": "acts", "replay": "runs two scripts: --json", "trace": "shows calls as they happen", "explain": "tells one call: --json", "profile": "writes a file",
	}
	for _, c := range newApp(environment{lookup: only("", "")}).Commands {
		names := map[string]bool{}
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				names[n] = true
			}
		}
		if !names["admin"] || c.Name == "run" || len(c.Subcommands) > 0 && c.Name != "trace" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if json := strings.Contains(why[c.Name], "--json"); why[c.Name] == "" && !(names["json"] && names["watch"]) || json && !names["json"] {
				t.Errorf("it has --json: %v, --watch: %v", names["json"], names["watch"])
			}
		})
	}
}

// The state is shown again when more than the time that has passed is different.
func TestStatusCommand(t *testing.T) {
	c := statusCommand()
	answers := []string{`{"state":"serving","uptime_seconds":1}`, `{"state":"serving","uptime_seconds":2}`, `{"state":"draining","uptime_seconds":3}`}
	var out bytes.Buffer
	again := len(answers)
	err := c.Run(&host.Invocation{Context: t.Context(), Command: "status", Flags: host.NewValues(map[string]any{"watch": true}), Stdout: &out,
		Again: func(context.Context) bool { again--; return again > 0 },
		Ask: func(method, path string, _ io.Reader) ([]byte, error) {
			if method != "GET" || path != "/status" {
				t.Errorf("%s %s", method, path)
			}
			return []byte(answers[len(answers)-again]), nil
		}})
	if err != nil || strings.Count(out.String(), "serving") != 1 || !strings.Contains(out.String(), "draining") {
		t.Errorf("%v %s", err, &out)
	}
	if parts := strings.SplitN(out.String(), "}\n", 2); !json.Valid([]byte(parts[0] + "}")) {
		t.Errorf("not JSON: %s", &out)
	}
}
