package presence

// This file is what scripts and the API publish.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/mwi"
	"github.com/sipscript/sipscript/modules/presence/pidf"
)

// scriptName is the publication that Set makes: there is one of each package.
const scriptName = "script"

// Set publishes for a user: text, a whole document, or fields as scripts have them (see Fields);
// nil ends what was set. expires 0 is for ever. It may block.
func (p *Presence) Set(ctx context.Context, aor, event string, value any, expires time.Duration, now time.Time) error {
	if p.find(event) == nil || published(event) == "" {
		return fmt.Errorf("presence: set: nothing can be published for the package %q", event)
	}
	k := eventstate.Key{Package: event, AOR: aor}
	var pub *eventstate.Publication
	if value != nil {
		made, err := document(k, value, now)
		if err != nil {
			return fmt.Errorf("presence: set: %w", err)
		}
		pub = &eventstate.Publication{Type: published(event), Body: made, At: now}
		if pub.Value, err = read(event, made); err != nil {
			return fmt.Errorf("presence: set: %w", err)
		}
		if expires > 0 {
			pub.Expires = now.Add(expires)
		}
	}
	changed, err := p.store.Set(k, scriptName, pub, now)
	if changed {
		p.changed(k)
	}
	if pub != nil {
		p.shared.settled(ctx, k, pub.ID)
	}
	return err
}

// Get is the document of a user's state, as somebody sees it who may see all; ok is false if nobody
// has said anything.
func (p *Presence) Get(ctx context.Context, aor, event string, now time.Time) (body []byte, ok bool, err error) {
	k := eventstate.Key{Package: event, AOR: aor}
	if published(event) == "" {
		return nil, false, fmt.Errorf("presence: get: there is no package %q", event)
	}
	c, err := p.compose(ctx, k, now)
	if err != nil {
		return nil, false, err
	}
	return c.body, c.tag != nobody(k).tag, nil
}

// document is the body for what was set.
func document(k eventstate.Key, value any, now time.Time) ([]byte, error) {
	switch value := value.(type) {
	case string:
		return []byte(value), nil
	case map[string]any:
		f := fields(value)
		var body []byte
		switch k.Package {
		case PackagePresence:
			body = f.presence(k.AOR, now)
		case PackageMessageSummary:
			body = f.summary(k.AOR)
		case PackageDialog:
			body = f.dialog(k.AOR)
		}
		return body, f.wrong()
	}
	return nil, errors.New("expected a table, or the text of a document")
}

// fields are a table; what was read is deleted from it.
type fields map[string]any

// badField is the key under which the first mistake is kept.
const badField = "\x00"

func (f fields) bad(format string, args ...any) {
	if f[badField] == nil {
		f[badField] = fmt.Errorf(format, args...)
	}
}

// wrong is the first mistake: a value of another type, or a field that nothing reads.
func (f fields) wrong() error {
	if err, ok := f[badField].(error); ok {
		return err
	}
	for name := range f {
		return fmt.Errorf("there is no field %q", name)
	}
	return nil
}

func take[T any](f fields, name, kind string) (value T) {
	v, ok := f[name]
	if !ok {
		return value
	}
	delete(f, name)
	if value, ok = v.(T); !ok {
		f.bad("%s: expected %s", name, kind)
	}
	return value
}

func (f fields) text(name string) string {
	s := take[string](f, name, "text")
	if len(s) > 1024 || strings.ContainsAny(s, "\r\n\x00") {
		f.bad("%s: one line of at most 1024 bytes is wanted", name)
	}
	return s
}

// count is a number of messages.
func (f fields) count(name string) int {
	n := take[float64](f, name, "a number")
	if n < 0 || n > 1e9 || n != float64(int(n)) {
		f.bad("%s: expected a whole number that is not negative", name)
		return 0
	}
	return int(n)
}

func (f fields) presence(aor string, now time.Time) []byte {
	s := pidf.State{Open: take[bool](f, "open", "a boolean"), Note: f.text("note"), Activity: f.text("activity"), Contact: f.text("contact"), At: now}
	if s.Activity != "" && !slices.Contains(pidf.Activities(), s.Activity) {
		f.bad("activity: there is no %q; there are %s", s.Activity, strings.Join(pidf.Activities(), ", "))
	}
	return s.Document(aor, scriptName).Append(nil)
}

func (f fields) summary(aor string) []byte {
	waiting, said := f["messages_waiting"].(bool)
	delete(f, "messages_waiting")
	s := mwi.Summary{Account: f.text("account")}
	if s.Account == "" {
		s.Account = aor
	}
	if strings.ContainsAny(s.Account, " \t\"<>") {
		f.bad("account: expected a URI")
	}
	for _, name := range []string{"voice", "fax", "video", "text"} {
		v, ok := f[name]
		if !ok {
			continue
		}
		delete(f, name)
		counts, ok := v.(map[string]any)
		if !ok {
			f.bad("%s: expected a table {new=, old=}", name)
			continue
		}
		c := fields(counts)
		class := mwi.Class{Name: name + "-message"}
		_, class.Urgent = c["urgent_new"]
		class.Count = mwi.Count{New: c.count("new"), Old: c.count("old"), UrgentNew: c.count("urgent_new"), UrgentOld: c.count("urgent_old")}
		if err := c.wrong(); err != nil {
			f.bad("%s: %w", name, err)
		}
		s.Classes = append(s.Classes, class)
		s.Waiting = s.Waiting || class.New > 0
	}
	if said {
		s.Waiting = waiting
	}
	return s.Append(nil)
}

func (f fields) dialog(aor string) []byte {
	d := dialoginfo.Dialog{ID: scriptName, State: f.text("state"), Outgoing: f.text("direction") == "initiator", CallID: f.text("call_id"), Local: f.text("local_tag"),
		Remote: f.text("remote_tag"), Near: dialoginfo.Party{URI: aor}, Far: dialoginfo.Party{URI: f.text("remote"), Display: f.text("display")}}
	if id := f.text("id"); id != "" {
		d.ID = id
	}
	if !slices.Contains(dialoginfo.States(), d.State) {
		f.bad("state: expected %s", strings.Join(dialoginfo.States(), ", "))
	}
	doc := dialoginfo.Document{Entity: aor, Dialogs: []dialoginfo.Dialog{d}}
	return doc.Append(nil, 0, true, false)
}
