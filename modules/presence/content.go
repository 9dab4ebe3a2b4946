package presence

// This file composes what is known of a user into one state, which all watchers share.

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/mwi"
	"github.com/sipscript/sipscript/modules/presence/pidf"
	"github.com/sipscript/sipscript/modules/registrar"
)

// content is the state of one user by one package. It is not changed.
type content struct {
	tag    string // of the body: an entity tag (RFC 5839)
	body   []byte // with version 0, where documents have versions
	dialog *dialoginfo.Document
	pidf   *pidf.Document
}

// contents are those that watchers were told last, so that a change is composed once for all. A
// resource that nobody watches has none.
type contents struct {
	mu   sync.Mutex
	by   map[eventstate.Key]*content // guarded by mu
	made uint64                      // changes so far; guarded by mu
}

// forget is called with each change, before watchers are told.
func (c *contents) forget(k eventstate.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	delete(c.by, k)
}

// forgetAll is forget for all of them.
func (c *contents) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	clear(c.by)
}

func (c *contents) get(k eventstate.Key) (found *content, made uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[k], c.made
}

// put keeps what was composed after made changes, unless there were more meanwhile.
func (c *contents) put(k eventstate.Key, found *content, made uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == made {
		c.by[k] = found
	}
}

// content is the state of a user. It may block if registrations do.
func (p *Presence) content(ctx context.Context, k eventstate.Key, now time.Time) (*content, error) {
	found, made := p.contents.get(k)
	if found != nil {
		return found, nil
	}
	found, err := p.compose(ctx, k, now)
	if err == nil && p.core.Watched(resourceKey(k)) {
		p.contents.put(k, found, made)
	}
	return found, err
}

func (p *Presence) compose(ctx context.Context, k eventstate.Key, now time.Time) (*content, error) {
	pubs := p.store.Get(k, now)
	c := &content{}
	switch k.Package {
	case PackagePresence:
		docs := values[*pidf.Document](pubs)
		if len(docs) == 0 && p.Policy().From != "" && p.users != nil {
			d, err := p.registered(ctx, k.AOR, now)
			if err != nil {
				return nil, err
			}
			docs = append(docs, d)
		}
		if len(docs) == 0 {
			docs = append(docs, pidf.Closed(k.AOR))
		}
		c.pidf = pidf.Compose(k.AOR, docs)
		c.body = c.pidf.Append(nil)
	case PackageDialog:
		docs := values[*dialoginfo.Document](pubs)
		if own := p.lamps.document(k.AOR); own != nil {
			docs = append([]*dialoginfo.Document{own}, docs...)
		}
		docs = append(docs, p.shared.documents(k.AOR)...)
		c.dialog = dialoginfo.Compose(k.AOR, docs)
		c.body = c.dialog.Append(nil, 0, true, false)
	case PackageMessageSummary:
		all := values[*mwi.Summary](pubs)
		if len(all) == 0 {
			all = append(all, &mwi.Summary{})
		}
		c.body = all[0].Append(nil)
	}
	c.tag = tagOf(c.body)
	return c, nil
}

// tagOf is an entity tag: of the same body always the same, in all processes.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// users are registrations: the registrar's.
type users interface {
	Bindings(ctx context.Context, uri *message.URI, now time.Time) ([]*registrar.Binding, error)
	Waits() (lookup, update bool)
	Follow(f func(*registrar.Event)) (stop func())
	FollowElsewhere(f func(aor string)) (stop func())
}

// registered is a user's state as registrations have it: each contact is a tuple.
func (p *Presence) registered(ctx context.Context, aor string, now time.Time) (*pidf.Document, error) {
	uri, err := message.ParseURI([]byte(aor))
	if err != nil {
		return nil, errors.New("presence: not an address: " + aor)
	}
	list, err := p.users.Bindings(ctx, &uri, now)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return pidf.Closed(aor), nil
	}
	d := &pidf.Document{Entity: aor}
	for _, b := range list {
		// Where a phone is reached is its user's affair; that it is there is what is asked
		s := pidf.State{Open: true, Contact: aor, Priority: strconv.FormatFloat(b.Q(), 'g', 3, 64)}
		id := tagOf([]byte(b.Contact() + "\x00" + b.Instance() + "\x00" + strconv.Itoa(b.RegID())))
		d.Tuples = append(d.Tuples, s.Tuple("r"+id))
		if len(d.Tuples) >= 32 {
			break
		}
	}
	return d, nil
}

// resourceKey names a resource to the notifier.
func resourceKey(k eventstate.Key) string { return k.Package + " " + k.AOR }
