package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// parse reads a `run` command line with variables and, if not "", a configuration file.
func parse(t *testing.T, args []string, vars map[string]string, config string) (*settings, error) {
	t.Helper()
	if config != "" {
		path := filepath.Join(t.TempDir(), "sipscript.yaml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	var got *settings
	var out bytes.Buffer
	env := environment{lookup: func(n string) (string, bool) { v, ok := vars[n]; return v, ok }, stdout: &out, stderr: &out}
	app := newApp(env)
	for _, c := range app.Commands {
		if c.Name == "run" {
			c.Action = func(c *cli.Context) (err error) {
				got, err = readSettings(c, env.lookup)
				return err
			}
		}
	}
	err := app.Run(append([]string{"sipscript", "run"}, args...))
	return got, err
}

func TestDefaults(t *testing.T) {
	s, err := parse(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.listen, defaultListen()) || s.watch || s.lanes < 1 || s.budget != 200*time.Millisecond || s.loadBudget != 30*time.Second || s.memory != 64<<20 || s.drain != 32*time.Second || s.drainCalls != 0 || s.lifetime != 24*time.Hour || s.maxDelay != 0 || s.logJSON {
		t.Errorf("%+v", s)
	}
}

func TestFlags(t *testing.T) {
	s, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "-l", "tcp:[::1]:5070", "--advertise", "tcp:[::1]:5070=sip.example.com:5060", "-d", "example.com", "-d", "example.net",
		"--trust-via", "192.0.2.0/24", "--trust-via", "2001:db8::1",
		"--set", "A=1,2=3", "--set", "B=", "--lanes", "3", "--log-level", "debug", "--log-format", "json", "--script-budget", "50ms", "--load-budget", "5s", "--script-memory", "128MiB", "--route-lifetime", "2h", "--drain", "0s", "--drain-calls", "10m", "--max-delay", "0s", "--admin", "127.0.0.1:0",
		"--admin-host", "pbx.example.com", "--admin-host", "192.0.2.1", "route.lua"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "1,2=3", "B": ""}
	if s.script != "route.lua" || len(s.listen) != 2 || s.advertise["tcp:[::1]:5070"] != "sip.example.com:5060" || len(s.domains) != 2 || !reflect.DeepEqual(s.args, want) ||
		fmt.Sprint(s.adminHosts) != "[pbx.example.com 192.0.2.1]" ||
		fmt.Sprint(s.trustVia) != "[192.0.2.0/24 2001:db8::1/128]" ||
		s.lanes != 3 || s.logLevel.String() != "DEBUG" || !s.logJSON || s.budget != 50*time.Millisecond || s.loadBudget != 5*time.Second || s.memory != 128<<20 || s.drain != 0 || s.drainCalls != 10*time.Minute || s.lifetime != 2*time.Hour || s.maxDelay >= 0 || s.admin != "127.0.0.1:0" || !s.watch {
		t.Errorf("%+v", s)
	}
}

// Flags win over variables, these over the file; each setting by itself.
func TestLayers(t *testing.T) {
	config := `
listen: ["udp:127.0.0.1:1111", "tcp:127.0.0.1:1111"]
domain: file.example
lanes: 1
drain: 1s
log-format: json
script: file.lua
watch: false
set: {A: file, B: 2}
`
	vars := map[string]string{"SIPSCRIPT_LISTEN": "udp:127.0.0.1:2222, tcp:127.0.0.1:2222", "SIPSCRIPT_LANES": "2", "SIPSCRIPT_DRAIN": "2s", "SIPSCRIPT_DOMAIN": ""}
	s, err := parse(t, []string{"--drain", "3s"}, vars, config)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.listen, []string{"udp:127.0.0.1:2222", "tcp:127.0.0.1:2222"}) || !reflect.DeepEqual(s.domains, []string{"file.example"}) ||
		s.lanes != 2 || s.drain != 3*time.Second || !s.logJSON || s.script != "file.lua" || s.watch || s.args["A"] != "file" || s.args["B"] != "2" {
		t.Errorf("%+v", s)
	}
	s, err = parse(t, nil, nil, "set: {A: ~, B: null, C: 0, D:}\nlanes: ~\n")
	if err != nil || !reflect.DeepEqual(s.args, map[string]string{"C": "0"}) {
		t.Errorf("values that are null: %v %v", s, err)
	}
	s, err = parse(t, []string{"--watch", "flag.lua"}, vars, config)
	if err != nil || !s.watch || s.script != "flag.lua" {
		t.Errorf("%+v %v", s, err)
	}
	s, err = parse(t, []string{"--no-watch", "flag.lua"}, map[string]string{"SIPSCRIPT_WATCH": "true"}, "")
	if err != nil || s.watch {
		t.Errorf("%+v %v", s, err)
	}
	s, err = parse(t, nil, map[string]string{"SIPSCRIPT_NO_WATCH": "true"}, "watch: true\nscript: x.lua\n")
	if err != nil || s.watch {
		t.Errorf("%+v %v", s, err)
	}
}

// What makes no sense ends with 2 and a line that names it.
func TestMistakes(t *testing.T) {
	one := func(args ...string) []string { return args }
	for _, c := range []struct {
		args     []string
		vars     map[string]string
		config   string
		contains string
	}{
		{args: one("--nonsense"), contains: "there is no flag --nonsense; see `sipscript run --help`"},
		{args: one("--drain"), contains: "--drain needs a value"},
		{args: one("-l", "5060"), contains: "--listen 5060"},
		{args: one("-l", "tls:127.0.0.1:5061"), contains: "--tls-cert FILE"},
		{args: one("-l", "udp:127.0.0.1:5060", "-l", "udp:127.0.0.1:5060"), contains: "twice"},
		{args: one("--advertise", "udp:127.0.0.1:9=x"), contains: "no --listen udp:127.0.0.1:9"},
		{args: one("--advertise", "udp:127.0.0.1:5060"), contains: "PUBLIC_HOST"},
		{args: one("--advertise", "udp:127.0.0.1:5060=sip.example.com:99999"), contains: "expected HOST or HOST:PORT"},
		{args: one("--advertise", "udp:127.0.0.1:5060=a b"), contains: "expected HOST or HOST:PORT"},
		{args: one("--dns", "ns.example.com"), contains: "--dns ns.example.com: expected the server's IP address"},
		{vars: map[string]string{"SIPSCRIPT_DNS": "192.0.2.53, 192.0.2.54:x"}, contains: "--dns 192.0.2.54:x"},
		{args: one("--trust-via", "192.0.2.0/33"), contains: "--trust-via 192.0.2.0/33: expected a network or an IP address"},
		{args: one("--trust-via", "example.com"), contains: "--trust-via example.com: expected"},
		{vars: map[string]string{"SIPSCRIPT_TRUST_VIA": "192.0.2.0/24, fe80::1%eth0"}, contains: "--trust-via fe80::1%eth0"},
		{args: one("--admin-host", "http://pbx"), contains: "--admin-host http://pbx: expected a name or an address"},
		{vars: map[string]string{"SIPSCRIPT_ADMIN_HOST": "pbx, *"}, contains: "--admin-host *"},
		{args: one("-d", "a b"), contains: "--domain"},
		{args: one("--set", "novalue"), contains: "KEY=VALUE"},
		{args: one("--set", "1x=2"), contains: "KEY=VALUE"},
		{args: one("--lanes", "x"), contains: "--lanes x: expected a whole number"},
		{args: one("--lanes", "0"), contains: "--lanes 0"},
		{args: one("--lanes", "-1"), contains: "--lanes"},
		{args: one("--lanes", "99999"), contains: "1024"},
		{args: one("--script-memory", "64"), contains: "--script-memory 64: expected a size of at least 1MiB, with its unit, such as 64MiB"},
		{args: one("--script-memory", "9KiB"), contains: "--script-memory 9KiB: expected a size of at least 1MiB"},
		{args: one("--script-memory", "99999999999999999999GiB"), contains: "--script-memory"},
		{args: one("--script-budget", "0s"), contains: "--script-budget"},
		{args: one("--load-budget", "100ms"), contains: "--load-budget 100ms: expected --script-budget (200ms) or more"},
		{args: one("--script-budget", "200"), contains: "--script-budget 200: expected a time with its unit, such as 200ms"},
		{args: one("--watch=maybe"), contains: "--watch maybe: expected true or false"},
		{args: one("--drain", "-1s"), contains: "--drain"},
		{args: one("--route-lifetime", "30s"), contains: "--route-lifetime 30s: expected a minute or more"},
		{args: one("--drain-calls", "-1s"), contains: "--drain-calls -1s: expected 0 or more"},
		{args: one("--max-delay", "-1s"), contains: "--max-delay"},
		{args: one("--log-level", "loud"), contains: "debug, info, warn or error"},
		{args: one("--log-format", "xml"), contains: "text or json"},
		{args: one("--watch", "--no-watch"), contains: "contradict each other"},
		{args: one("--admin", "8060"), contains: "HOST:PORT"},
		{args: one("--admin", "127.0.0.1:x"), contains: "port"},
		{args: one("a.lua", "b.lua"), contains: "expected one script"},
		{args: one("--db", "x"), contains: "--db: expected sqlite:PATH"},
		{args: one("--tls-cert", "x"), contains: "each certificate needs its key"},
		{args: one("--tls-client-ca", "x"), contains: "no --tls-cert"},
		{args: one("--tls-client-auth", "optional"), contains: "no --tls-client-ca"},
		{args: one("--tls-cert", "x", "--tls-key", "x", "--tls-client-ca", "x", "--tls-client-auth", "x"), contains: "required or optional"},
		{vars: map[string]string{"SIPSCRIPT_REDIS": "redis://x"}, contains: "--redis needs --secret"},
		{args: one("--redis", "127.0.0.1:6379"), contains: "expected redis://HOST"},
		{args: one("--redis", "redis://:hidden@h:x"), contains: "expected redis://HOST"},
		{args: one("--redis", "redis://h:1/zero", "--secret", "x"), contains: `"zero" at the end of the URL is not a database number`},
		{args: one("--data", ""), contains: "--data is empty"},
		{vars: map[string]string{"SIPSCRIPT_LANES": "many"}, contains: `SIPSCRIPT_LANES: "many" is not a valid value: expected a whole number`},
		{config: "lisen: x\n", contains: ":1: unknown key \"lisen\""},
		{config: "a: [\n", contains: "sipscript.yaml"},
		{config: "\n\nlanes: [1]\n", contains: ":3: lanes: expected a single value"},
		{config: "domain: {a: b}\n", contains: "expected a list"},
		{config: "lanes: 1\nlanes: 2\n", contains: "lanes"},
		{config: "- x\n", contains: ":1: expected a mapping"},
		{config: "lanes: many\n", contains: `sipscript.yaml: lanes: "many" is not a valid value: expected a whole number`},
		{config: "watch: no\n", contains: `sipscript.yaml: watch: "no" is not a valid value: expected true or false`},
		{args: one("--config", "/does/not/exist"), contains: "--config"},
	} {
		t.Run(c.config, func(t *testing.T) {
			_, err := parse(t, c.args, c.vars, c.config)
			if err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.contains) {
				t.Errorf("%q %v %q: %v (exit %d), want %q", c.args, c.vars, c.config, err, exitCode(err), c.contains)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: more than one line: %q", c.args, err)
			}
		})
	}
}

func TestOtherCommands(t *testing.T) {
	for _, c := range []struct {
		args     []string
		code     int
		contains string
	}{
		{[]string{"version"}, 0, "sipscript "},
		{[]string{"help"}, 0, "run"},
		{nil, 0, "COMMANDS"},
		{[]string{"run", "--help"}, 0, "--script-budget"},
		{[]string{"nonsense"}, 2, `unknown command "nonsense"`},
		{[]string{"--nonsense"}, 2, "nonsense"},
		{[]string{"reload"}, 2, "--admin"},
		{[]string{"reload", "--timeout", "5"}, 2, "reload: --timeout 5: expected a time with its unit, such as 200ms, 32s or 5m; see `sipscript reload --help`"},
		{[]string{"test", "--seed", "x"}, 2, "test: --seed x: expected a whole number"},
		{[]string{"user", "add", "--bogus"}, 2, "user add: there is no flag --bogus; see `sipscript user add --help`"},
		{[]string{"reload", "--admin", "nowhere"}, 2, "HOST:PORT"},
		{[]string{"status", "--admin", "127.0.0.1:1"}, 1, "no answer from a server at 127.0.0.1:1"},
	} {
		t.Run(c.contains, func(t *testing.T) {
			var out bytes.Buffer
			code := execute(append([]string{"sipscript"}, c.args...), environment{lookup: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out})
			if code != c.code || !strings.Contains(out.String(), c.contains) {
				t.Errorf("%q: exit %d, want %d with %q:\n%s", c.args, code, c.code, c.contains, out.String())
			}
		})
	}
}

func TestSecretFile(t *testing.T) {
	write := func(text string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, warning, err := readSecret(write("0123456789abcdef\n", 0o600))
	if err != nil || string(key) != "0123456789abcdef" || warning != "" {
		t.Errorf("%q %q %v", key, warning, err)
	}
	if _, warning, err = readSecret(write("0123456789abcdef", 0o644)); err != nil || !strings.Contains(warning, "chmod 600") {
		t.Errorf("%q %v", warning, err)
	}
	for _, path := range []string{write("short", 0o600), write("", 0o600), write(strings.Repeat("x", 5000), 0o600), "/does/not/exist"} {
		if _, _, err := readSecret(path); err == nil || !strings.Contains(err.Error(), "--secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
