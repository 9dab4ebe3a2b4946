package acl

// Figures of the lists.

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// Metrics of the lists in force.
func (a *ACL) Metrics() []luabind.Metric {
	list := []luabind.Metric{
		{Name: "acl_checks_total", Help: "Senders that were looked for in a list.", Kind: luabind.Counter, Value: func() float64 { return float64(a.checks.Load()) }},
		{Name: "acl_matches_total", Help: "Senders that were found in a list.", Kind: luabind.Counter, Value: func() float64 { return float64(a.matches.Load()) }},
	}
	if a.shared != nil {
		list = append(list, a.shared.Metrics("acl_shared")...)
	}
	v := a.serving.Load()
	for _, l := range v.sorted() {
		of := map[string]string{"list": l.name}
		list = append(list, luabind.Metric{Name: "acl_added_entries", Help: "Entries that were added to a list.", Kind: luabind.Gauge, Labels: of,
			Value: func() float64 { return float64(l.dynamic.len()) }})
		if l.dropped {
			list = append(list, luabind.Metric{Name: "acl_dropped_total", Help: "Messages and connections that a drop list has dropped.", Kind: luabind.Counter, Labels: of,
				Value: func() float64 { return float64(l.drops.Load()) }})
		}
		if l.source != nil {
			list = append(list, l.source.Metrics()...)
		}
	}
	return list
}

// sorted are the lists by name.
func (v *view) sorted() []*list {
	all := make([]*list, 0, len(v.lists))
	for _, l := range v.lists {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *list) int { return strings.Compare(a.name, b.name) })
	return all
}
