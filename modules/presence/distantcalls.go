package presence

// This file is calls that pass other nodes, as lamps show them.

import (
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// lamp tells the others which calls a user is in, if somebody watches that.
func (s *shared) lamp(aor string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lampLocked(aor)
}

func (s *shared) lampLocked(aor string) {
	none := s.p.lamps.document(aor) == nil
	if !s.lit[aor] && (none || !s.watched(aor)) {
		return
	}
	if s.lit[aor] = true; none {
		delete(s.lit, aor)
	}
	s.set.Changed(redisset.Entry{Key: callsKind + aor + " " + s.self, Ends: s.wall().Add(longestCall), Gone: none})
}

// watched reports whether anybody at another node watches a user's calls.
func (s *shared) watched(aor string) bool {
	return len(s.of[resourceKey(eventstate.Key{Package: PackageDialog, AOR: aor})]) > 0
}

// heardCalls hears of the calls that pass another node. mu is held.
func (s *shared) heardCalls(aor, node string, calls []dialoginfo.Dialog) {
	by := s.calls[aor]
	switch {
	case len(calls) == 0 && by == nil || node == s.self || len(s.calls) >= maxLamps && by == nil:
		return
	case len(calls) == 0:
		if delete(by, node); len(by) == 0 {
			delete(s.calls, aor)
		}
	default:
		if by == nil {
			by = map[string][]dialoginfo.Dialog{}
			s.calls[aor] = by
		}
		by[node] = calls[:min(len(calls), maxLampDialogs)]
	}
	k := eventstate.Key{Package: PackageDialog, AOR: aor}
	s.p.contents.forget(k)
	s.p.tell(k)
}

// documents are the calls of a user that pass other nodes.
func (s *shared) documents(aor string) (list []*dialoginfo.Document) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, calls := range s.calls[aor] {
		list = append(list, &dialoginfo.Document{Entity: aor, Dialogs: calls})
	}
	return list
}
