package acc

// What a script sets, and the destinations that come of it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/acc/sink"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// Policy is what a script sets.
type Policy struct {
	To          []string          `lua:"to,required,reloadable" doc:"the destinations: json:PATH, csv:PATH, sqlite:PATH, postgres://…, mysql://…, http://…, https://…; each gets every record"`
	EveryLeg    bool              `lua:"every_leg,reloadable" default:"false" doc:"each leg has a record of its own as well, before that of the call"`
	Layout      string            `lua:"layout,reloadable" oneof:"own kamailio" default:"\"own\"" doc:"of tables: \"kamailio\" fills acc, missed_calls and acc_cdrs"`
	Rotate      Rotation          `lua:"rotate,reloadable" doc:"when files are set aside; without it, only by others such as logrotate"`
	Headers     map[string]string `lua:"headers,reloadable" doc:"{Name = text} of HTTP requests"`
	Node        string            `lua:"node,reloadable" doc:"the server's name, in each record"`
	Gather      time.Duration     `lua:"gather,reloadable" max:"60" default:"0.1" doc:"seconds for which records are gathered before a destination gets them"`
	MaxDuration time.Duration     `lua:"max_duration,reloadable" min:"60" max:"2592000" default:"43200" doc:"seconds after which a call that was answered and has not ended is recorded as \"lost\", unless it is tracked and goes on"`
	Spool       SpoolOptions      `lua:"spool" doc:"where records wait; it takes effect at the start of the server"`
}

// Rotation says when files are set aside.
type Rotation struct {
	Size  int           `lua:"size,reloadable" min:"0" doc:"bytes"`
	Every time.Duration `lua:"every,reloadable" max:"2592000" doc:"seconds: at each multiple of it since midnight UTC"`
}

// SpoolOptions are those of the queue.
type SpoolOptions struct {
	Dir  string        `lua:"dir" default:"acc in --data" doc:"a directory"`
	Size int           `lua:"size" min:"1048576" default:"8589934592" doc:"bytes on disk at most, but for up to a quarter more for calls in progress; beyond it records wait in memory, up to 64 MiB"`
	Sync time.Duration `lua:"sync" min:"0.001" max:"10" default:"0.1" doc:"seconds after which a record is on the disk at the latest; it outlives the process at once"`
}

// DefaultMaxDuration is how long a call may be in progress.
const DefaultMaxDuration = 12 * time.Hour

// DefaultPolicy has no destination.
func DefaultPolicy() Policy {
	return Policy{Layout: "own", Gather: 100 * time.Millisecond, MaxDuration: DefaultMaxDuration, Spool: SpoolOptions{Size: 8 << 30, Sync: 100 * time.Millisecond}}
}

// Check refuses what makes no sense.
func (p *Policy) Check() error {
	if len(p.To) == 0 {
		return errors.New("to is empty: records have nowhere to go")
	}
	for i, d := range p.To {
		scheme, rest, _ := strings.Cut(d, ":")
		switch {
		case rest == "" && d != clients.DefaultDB, !slices.Contains([]string{"json", "csv", "http", "https", "sqlite", "postgres", "postgresql", "mysql", "mariadb", "db"}, scheme):
			return fmt.Errorf("to: %s is not a destination: json:PATH, csv:PATH, sqlite:PATH, postgres://…, mysql://…, http://… or https://…", clients.Redacted(d))
		case slices.Contains(p.To[:i], d):
			return fmt.Errorf("to: %s is named twice", clients.Redacted(d))
		}
	}
	return nil
}

// Use puts a policy into force: queue and destinations. fields are those that every record has, by
// name.
func (a *Accounts) Use(p Policy, fields []string) error {
	if err := p.Check(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.o.Record != nil || a.o.Quiet {
		a.policy.Store(&p)
		return nil
	}
	if err := a.open(p.Spool); err != nil {
		return err
	}
	kept, fresh := a.split(&p, fields)
	var made []*worker
	for _, d := range fresh { // those that change leave first: one reader for each name
		for i, w := range a.workers {
			if w != nil && w.Figures().Name == clients.Redacted(d.to) {
				_ = w.Close(false)
				a.workers[i] = nil
			}
		}
		w, err := a.destination(&p, d, fields)
		if err != nil {
			a.workers = append(slices.DeleteFunc(a.workers, func(w *worker) bool { return w == nil }), made...)
			return err
		}
		made = append(made, w)
	}
	for _, w := range a.workers {
		if w != nil && !slices.Contains(kept, w) {
			_ = w.Close(true)
		}
	}
	a.workers = append(kept, made...)
	a.reads.Store(slices.ContainsFunc(p.To, readsRecords))
	if left := a.spool.Settle(); left > 0 {
		a.o.Log.Warn("acc: destinations that the script no longer names had records waiting; those that are new have got them", "count", left)
	}
	a.policy.Store(&p)
	if e := a.engine.Load(); e != nil && a.swept { // calls of before may have ended
		e.Background().Post(lane.Func(func(*lane.Lane) { a.sweepCalls() }))
	}
	return nil
}

// readsRecords reports whether a destination makes something else of a record's text.
func readsRecords(to string) bool {
	scheme, _, _ := strings.Cut(to, ":")
	return !slices.Contains([]string{"json", "http", "https"}, scheme)
}

// place is a destination of a policy.
type place struct{ to, key string }

// split says which workers stay, and which destinations need a new one. a.mu is held.
func (a *Accounts) split(p *Policy, fields []string) (kept []*worker, fresh []place) {
	for _, to := range p.To {
		key := fmt.Sprint(to, p.Layout, p.Rotate, p.Headers, p.Gather, fields)
		if i := slices.IndexFunc(a.workers, func(w *worker) bool { return w.key == key }); i >= 0 {
			kept = append(kept, a.workers[i])
		} else {
			fresh = append(fresh, place{to, key})
		}
	}
	return kept, fresh
}

// destination begins to bring records to one. a.mu is held.
func (a *Accounts) destination(p *Policy, d place, fields []string) (*worker, error) {
	s, err := a.sink(p, d.to, fields)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	name := clients.Redacted(d.to)
	r, err := a.spool.Reader(name)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &worker{key: d.key, Worker: sink.NewWorker(sink.Options{Name: name, Reader: r, Sink: s, Gather: p.Gather, Log: a.o.Log,
		Dead: func(r spool.Record, why error) error { return a.setAside(name, r, why) }, Trouble: a.trouble})}, nil
}

func (a *Accounts) sink(p *Policy, to string, fields []string) (sink.Sink, error) {
	scheme, rest, _ := strings.Cut(to, ":")
	rotate := sink.Rotation{Size: int64(p.Rotate.Size), Every: p.Rotate.Every}
	switch scheme {
	case "json":
		return sink.JSON(rest, rotate, time.Now), nil
	case "csv":
		return sink.CSV(rest, fields, rotate, time.Now), nil
	}
	if a.o.Clients == nil {
		return nil, errors.New("there are no databases here")
	}
	if scheme == "http" || scheme == "https" {
		return sink.HTTP(a.o.Clients, to, p.Headers)
	}
	db, err := a.o.Clients.DB(to, clients.DBOptions{Create: true, Timeout: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	return sink.Rows(db, p.Layout), nil
}

// trouble tells scripts that a destination is away, or back.
func (a *Accounts) trouble(name string, err error) {
	if err == nil {
		a.script.Emit(event{kind: EventUp, name: name})
		return
	}
	a.script.Emit(event{kind: EventDown, name: name, why: err.Error()})
}

// refused is a line of the file of records that destinations refuse.
type refused struct {
	At          cdr.Time        `json:"at"`
	Destination string          `json:"destination"`
	Error       string          `json:"error"`
	Record      json.RawMessage `json:"record"`
}

// setAside keeps a record that a destination refuses.
func (a *Accounts) setAside(name string, r spool.Record, why error) error {
	dir := a.policy.Load().Spool.Dir
	if dir == "" {
		dir = a.o.Data
	}
	data := json.RawMessage(r.Data)
	if !json.Valid(data) {
		data, _ = json.Marshal(string(r.Data)) // a text always can be
	}
	line, err := json.Marshal(refused{cdr.Time{Time: time.Now()}, name, why.Error(), data})
	if err != nil {
		return err
	}
	if dir == "" {
		a.o.Log.Error("acc: a record that a destination refuses", "server", name, "error", why, "note", string(r.Data))
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "acc-refused.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
