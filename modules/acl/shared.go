package acl

// What was added and removed, shared by nodes with --redis: package redisset. Each node has all
// entries, and decides by its own copy.

import (
	"encoding/json"
	"strings"

	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/trust"
)

// mostLists bounds the lists that other nodes have and this one does not.
const mostLists = 1000

// share makes the set, with what was kept in it.
func (a *ACL) share(c *redis.Client) {
	a.shared = redisset.New(redisset.Options{Client: c, Name: "acl", Now: a.now, Log: a.o.Log, Lock: &a.changes, Apply: a.apply, Value: a.value})
	if a.journal == nil {
		return
	}
	for _, gone := range []bool{false, true} {
		for list, items := range a.journal.read(gone) {
			for _, i := range items {
				e := redisset.Entry{Key: sharedKey(list, i), Ends: i.entry.Expires, At: i.at, Gone: gone}
				if gone {
					e.Ends = redisset.TimeOf(i.at).Add(keepGone)
				}
				a.shared.Have(e)
			}
		}
	}
}

// sharedKey is the key of an entry of a list; a list's name has no blanks.
func sharedKey(list string, i *item) string { return list + " " + i.key() }

// told keeps a change that was made here, and tells the other nodes. a.changes is held.
func (a *ACL) told(list string, i *item, added bool) {
	if a.shared != nil {
		i.at = a.shared.Changed(redisset.Entry{Key: sharedKey(list, i), Ends: i.entry.Expires, Gone: !added})
	}
	a.journal.put(list, i, added)
}

// value is an entry for the others.
func (a *ACL) value(key string) (string, bool) {
	list, key, _ := strings.Cut(key, " ")
	i := a.dynamicOf(list).get(key, a.now())
	if i == nil {
		return "", false
	}
	a.changes.Lock()
	l := lineOf(list, i, true)
	a.changes.Unlock()
	l.At = 0 // it stands beside
	text, err := json.Marshal(l)
	return string(text), err == nil
}

// apply puts changes of other nodes into force, and keeps them. a.changes is held.
func (a *ACL) apply(entries []redisset.Entry) {
	now, hosts := a.now(), false
	added := map[string][]*item{}
	for _, e := range entries {
		name, key, _ := strings.Cut(e.Key, " ")
		if !a.mayHave(name) {
			continue
		}
		if e.Gone {
			if i, _ := a.dynamicOf(name).remove(key, now); i != nil {
				own := *i
				own.at = e.At
				a.journal.put(name, &own, false)
				hosts = hosts || i.what == isHost
			}
			continue
		}
		var l line
		err := json.Unmarshal([]byte(e.Value), &l)
		i, bad := l.item()
		if err != nil || bad != nil || i.key() != key {
			a.o.Log.Error("acl: an entry of another node can't be read", "list", name, "entry", key)
			continue
		}
		i.at = e.At
		added[name] = append(added[name], i)
		hosts = hosts || i.what == isHost
	}
	for name, list := range added {
		if err := a.dynamicOf(name).add(now, list...); err != nil {
			a.o.Log.Error("acl: entries of another node can't be added", "list", name, "error", err)
			continue
		}
		for _, i := range list {
			a.journal.put(name, i, true)
		}
	}
	a.o.Log.Info("acl: other nodes have changed entries", "count", len(entries))
	if hosts {
		a.names.again()
	}
}

// mayHave reports whether entries of a list are taken in.
func (a *ACL) mayHave(list string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dynamics[list] != nil || trust.IsListName(list) && len(a.dynamics) < mostLists
}
