package main

// sipscript replay.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/replay"
	"github.com/sipscript/sipscript/ops/trace"
)

// gateRules are the value of --gate: rules, or nothing for the usual ones.
type gateRules struct {
	given bool
	rules string
}

// IsBoolFlag lets the flag stand without a value.
func (*gateRules) IsBoolFlag() bool { return true }

// MayBe lets the rules stand behind the flag, too; what is none is an argument.
func (*gateRules) MayBe(text string) bool {
	_, err := replay.ReadRules(text)
	return err == nil
}

// String is the rules.
func (g *gateRules) String() string { return g.rules }

// Set is called with "true" where the flag stands alone.
func (g *gateRules) Set(value string) error {
	g.given, g.rules = value != "false", value
	if value == "true" {
		g.rules = replay.DefaultRules
	}
	return nil
}

// replayFlags are those that say how requests are replayed, and what is too much.
func replayFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "gate", Value: &gateRules{}, Usage: "fail if more requests differ than rules allow: --gate alone is --gate=" + replay.DefaultRules + "; others are codes, targets, record-route, auth, headers, any, each with a number or a share: --gate errors,codes=1%,targets=10"},
		&cli.IntFlag{Name: "last", Value: defaultReplayed, Usage: "replay the last `N` initial requests"},
		&cli.DurationFlag{Name: "replay-time", Value: 5 * time.Minute, Usage: "give up after `TIME`"},
	}
}

func replayCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "replay", Usage: "run the last requests through a new script, and list what it decides otherwise", ArgsUsage: "[FILE]",
		Description: "FILE is the new script, by default the server's own file as it is now. The last initial requests that the server remembers are run\n" +
			"in the simulator, by the script that serves and by the new one, in this process: nothing is sent to anybody. It exits with 1 if\n" +
			"--gate finds too many differences, and if a script does not start.",
		Flags: append(append(clientFlags(), replayFlags()...),
			&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE` is sip.args.KEY of both scripts (repeatable); others are as the server has them, without secrets"},
			&cli.DurationFlag{Name: "script-budget", Value: 2 * time.Second, Usage: "each handler may compute for `TIME`"},
			&cli.StringFlag{Name: "script-memory", Value: "64MiB", Usage: "each script may hold `SIZE`"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed the random numbers with `N`"},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON"}),
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return usagef("replay takes one FILE: found %q after %q", c.Args().Get(1), c.Args().First())
			}
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			r, err := newReplayed(c, env, c.Args().First())
			if err != nil {
				return err
			}
			report, err := r.run(c.Context, client.Asker(c.Context))
			if err != nil {
				return err
			}
			return r.show(report, c.Bool("json"))
		},
	}
}

// replayed is what the flags of a replay ask for.
type replayed struct {
	env     environment
	file    string // "" for the server's own
	rules   []replay.Rule
	last    int
	patient time.Duration
	args    map[string]string
	options replay.Options
}

func newReplayed(c *cli.Context, env environment, file string) (*replayed, error) {
	r := &replayed{env: env, file: file, last: c.Int("last"), patient: c.Duration("replay-time"), args: map[string]string{}}
	if g, _ := c.Generic("gate").(*gateRules); g != nil && g.given {
		var err error
		if r.rules, err = replay.ReadRules(g.rules); err != nil {
			return nil, usagef("--gate=%s: %v", g.rules, err)
		}
	}
	if r.last < 1 || r.last > replay.MostRequests {
		return nil, usagef("--last %d: expected 1 to %d", r.last, replay.MostRequests)
	}
	if r.patient <= 0 {
		return nil, usagef("--replay-time: must be more than 0")
	}
	r.options = replay.Options{Modules: all.ForReplay, Seed: c.Uint64("seed"), Budget: c.Duration("script-budget"), Progress: r.progress(),
		Env: func(name string) string { value, _ := env.lookup(name); return value }}
	if text := c.String("script-memory"); text != "" {
		var ok bool
		if r.options.Memory, ok = readSize(text); !ok {
			return nil, usagef("--script-memory: %q is not a size such as 64MiB", text)
		}
	}
	for _, pair := range c.StringSlice("set") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--set: %q is not KEY=VALUE", pair)
		}
		r.args[key] = value
	}
	return r, nil
}

// progress tells once in a while how far a long replay is.
func (r *replayed) progress() func(done, all int) {
	const pause = 2 * time.Second
	next := time.Now().Add(pause)
	return func(done, all int) {
		if now := time.Now(); now.After(next) {
			next = now.Add(pause)
			fmt.Fprintf(r.env.stderr, "%d of %d requests\n", done, all)
		}
	}
}

// run asks the server, and replays.
func (r *replayed) run(ctx context.Context, ask func(method, path string, body io.Reader) ([]byte, error)) (*replay.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patient)
	defer cancel()
	body, err := json.Marshal(replayBody{r.last})
	if err != nil {
		return nil, err
	}
	text, err := ask("POST", replayPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	var m replay.Material
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("the server says what cannot be read: %w", err)
	}
	old, next, err := r.scripts(&m)
	if err != nil {
		return nil, err
	}
	report, err := replay.Run(ctx, &m, old, next, r.options)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the replay was not over after %v: --last replays fewer requests, --replay-time waits longer", r.patient)
	}
	if err != nil {
		return nil, err
	}
	if r.rules != nil {
		gate := report.Judge(r.rules)
		report.Gate = &gate
	}
	return report, nil
}

// scripts are the two that are compared.
func (r *replayed) scripts(m *replay.Material) (old, next replay.Code, err error) {
	d, err := dialect(m.Script.Dialect)
	if err != nil {
		return old, next, err
	}
	args := m.Script.Args
	if args == nil {
		args = map[string]string{}
	}
	for key, value := range r.args {
		args[key] = value
	}
	old = replay.Code{Text: m.Script.Text, Name: m.Script.Name, Files: texts(m.Script.Files), Args: args}
	next = replay.Code{Path: r.file, Args: args}
	if next.Path == "" {
		next.Path = m.Script.Path
	}
	if next.Path == "" {
		return old, next, errors.New("the server runs the script that is built in: name the FILE that may follow it")
	}
	if d != nil {
		// Its text is read by its name, as the files beside it are
		old.Files = texts(withFile(m.Script.Files, filepath.Base(m.Script.Name), m.Script.Text))
		old.Text, old.Through, next.Through = "", d.Through, d.Through
	}
	return old, next, nil
}

func withFile(files map[string]string, name, text string) map[string]string {
	out := map[string]string{name: text}
	for other, text := range files {
		out[other] = text
	}
	return out
}

// show prints the report. A gate that is shut is an error.
func (r *replayed) show(report *replay.Report, inJSON bool) error {
	if inJSON {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if _, err := r.env.stdout.Write(append(host.PrintableJSON(text), '\n')); err != nil {
			return err
		}
	} else if _, err := io.WriteString(r.env.stdout, trace.Plain(report.Text())); err != nil {
		return err
	}
	if report.Gate != nil && !report.Gate.Passed {
		return errSilent
	}
	return nil
}

// texts are files in memory.
type texts map[string]string

// Open implements fs.FS.
func (t texts) Open(name string) (fs.File, error) {
	text, ok := t[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &textFile{Reader: strings.NewReader(text), name: name, size: int64(len(text))}, nil
}

// textFile is one of them, and its own fs.FileInfo.
type textFile struct {
	*strings.Reader
	name string
	size int64
}

func (f *textFile) Stat() (fs.FileInfo, error) { return textInfo{f}, nil }
func (f *textFile) Close() error               { return nil }

type textInfo struct{ f *textFile }

func (i textInfo) Name() string     { return filepath.Base(i.f.name) }
func (i textInfo) Size() int64      { return i.f.size }
func (textInfo) Mode() fs.FileMode  { return 0o444 }
func (textInfo) ModTime() time.Time { return time.Time{} }
func (textInfo) IsDir() bool        { return false }
func (textInfo) Sys() any           { return nil }

var _ fs.FS = texts{}
