package presence

// This file is lists of users that are watched together (RFC 4662).

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/rlmi"
	"github.com/sipscript/sipscript/modules/source"
)

// List is one entry of the option lists.
type List struct {
	URI     string   `lua:"uri,required" doc:"the list's address, which is subscribed to"`
	Members []string `lua:"members,required" doc:"the addresses of its members"`
}

// maxMembers bounds a list: their documents have to fit into a NOTIFY.
const maxMembers = 100

// lists are the lists by address, and by their members.
type lists struct {
	members map[string][]string
	of      map[string][]string
}

func newLists(list []List) (*lists, error) {
	l := &lists{members: map[string][]string{}, of: map[string][]string{}}
	for i, e := range list {
		uri, err := address(e.URI)
		if err != nil {
			return nil, source.At(i, fmt.Errorf("uri: %w", err))
		}
		if len(e.Members) > maxMembers {
			return nil, source.At(i, fmt.Errorf("more than %d members", maxMembers))
		}
		for _, m := range e.Members {
			member, err := address(m)
			if err != nil {
				return nil, source.At(i, fmt.Errorf("members: %w", err))
			}
			if slices.Contains(l.members[uri], member) {
				continue
			}
			l.members[uri] = append(l.members[uri], member)
			l.of[member] = append(l.of[member], uri)
		}
	}
	return l, nil
}

// address is a canonical one.
func address(text string) (string, error) {
	uri, err := message.ParseURI([]byte(text))
	if err != nil || !uri.IsSIP() {
		return "", fmt.Errorf("%.80q is not an address", text)
	}
	return string(uri.AppendAOR(nil)), nil
}

// listed are the lists in force.
func (p *Presence) listed() *lists {
	if l := p.lists.Load(); l != nil {
		return l.Get()
	}
	return &lists{}
}

// listOf is the members of a list, nil for an address that is none.
func (p *Presence) listOf(aor string) []string { return p.listed().members[aor] }

// listsOf are the lists that a user is in.
func (p *Presence) listsOf(aor string) []string { return p.listed().of[aor] }

// tell tells the watchers of a user, and of the lists that the user is in.
func (p *Presence) tell(k eventstate.Key) {
	p.core.Changed(resourceKey(k), nil)
	for _, uri := range p.listsOf(k.AOR) {
		p.core.Changed(resourceKey(eventstate.Key{Package: k.Package, AOR: uri}), nil)
	}
}

// canList refuses a subscriber who does not know lists (RFC 4662 §4.2, §4.4).
func canList(req *engine.Request) *notifier.Refusal {
	m := req.Message()
	has := func(id message.HeaderID, want string) bool {
		list := m.Elements(id)
		for list.Next() {
			kind, _, _ := bytes.Cut(list.Value, []byte(";"))
			if strings.EqualFold(string(bytes.TrimSpace(kind)), want) {
				return true
			}
		}
		return false
	}
	switch {
	case !has(message.HeaderSupported, "eventlist") && !has(message.HeaderRequire, "eventlist"):
		return notifier.Refuse(421, "", notifier.Header("Require", "eventlist"))
	case !has(message.HeaderAccept, rlmi.Type) || !has(message.HeaderAccept, rlmi.Multipart):
		return notifier.Refuse(406, "", notifier.Header("Accept", rlmi.Type+", "+rlmi.Multipart))
	}
	return nil
}

// offerList makes a SUBSCRIBE one to a list: what the watcher may see is asked for each member.
func (p *Presence) offerList(a *notifier.Ask, req *engine.Request, watcher string, members []string, authorize Authorize) {
	if no := canList(req); no != nil {
		a.Refuse(no)
		return
	}
	f := &listFeed{p: p, list: a.AOR(), event: a.Event().Event, watcher: watcher, id: a.Subscription().ID()}
	for _, m := range members {
		mode, err := authorize(watcher, m, f.event)
		if err != nil {
			a.Refuse(notifier.Unavailable("", err))
			return
		}
		f.add(m, mode, 0)
	}
	a.Offer(resourceKey(eventstate.Key{Package: f.event, AOR: f.list}), watcher, f)
	a.Then(func() {
		for _, m := range f.members() {
			p.watcherCame(m)
		}
	})
}
