package kemi

// KSR.htable and KSR.pike.

import (
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/kemi/pv"
)

func tableRows() []Row {
	return []Row{
		{Name: "htable.sht_get", Params: "ss", Result: "xval", Does: "the value of a key", call: func(k *call) int { return k.push(k.entry()) }},
		{Name: "htable.sht_gete", Params: "ss", Result: "xval", Does: `as sht_get, "" for none`, call: func(k *call) int { return k.push(or(k.entry(), "")) }},
		{Name: "htable.sht_getw", Params: "ss", Result: "xval", Does: `as sht_get, "<null>" for none`, call: func(k *call) int { return k.push(or(k.entry(), "<null>")) }},
		{Name: "htable.sht_sets", Params: "sss", Result: "int", Does: "sets a key to text", call: func(k *call) int { return k.setEntry(pv.Str(k.str(3)), -1) }},
		{Name: "htable.sht_seti", Params: "ssi", Result: "int", Does: "sets a key to a number", call: func(k *call) int { return k.setEntry(pv.Num(int64(k.int(3))), -1) }},
		{Name: "htable.sht_setxs", Params: "sssi", Result: "int", Does: "sets a key to text, for seconds", call: func(k *call) int { k.setEntry(pv.Str(k.str(3)), k.int(4)); return k.num(0) }},
		{Name: "htable.sht_setxi", Params: "ssii", Result: "int", Does: "sets a key to a number, for seconds", call: func(k *call) int { k.setEntry(pv.Num(int64(k.int(3))), k.int(4)); return k.num(0) }},
		{Name: "htable.sht_setex", Params: "ssi", Result: "int", Does: "sets how long a key lives, in seconds", call: func(k *call) int {
			return k.inTable(func(t *htable) int {
				e, ok := t.entries[k.str(2)]
				if ok && !e.over(k.c.Now()) {
					t.set(k.str(2), e.value, time.Duration(max(k.int(3), 0))*time.Second, k.c.Now())
				}
				return 0
			})
		}},
		{Name: "htable.sht_inc", Params: "ss", Result: "int", Does: "adds 1; -255 if there is no number", call: func(k *call) int { return k.count(1) }},
		{Name: "htable.sht_dec", Params: "ss", Result: "int", Does: "takes 1 away; -255 if there is no number", call: func(k *call) int { return k.count(-1) }},
		{Name: "htable.sht_is_null", Params: "ss", Result: "int", Does: "whether a key has no value", call: func(k *call) int {
			v, ok := k.lookEntry()
			return k.is(!ok || v.Kind == pv.Null)
		}},
		{Name: "htable.sht_rm", Params: "ss", Result: "int", Does: "removes a key", call: func(k *call) int { return k.setEntry(pv.Value{}, -1) }},
		{Name: "htable.sht_reset", Params: "s", Result: "int", Does: "removes all keys", call: func(k *call) int {
			return k.inTable(func(t *htable) int { clear(t.entries); return 0 })
		}},
		{Name: "htable.sht_match_name", Params: "sss", Result: "int", Does: "whether a key compares: eq ne sw re", call: func(k *call) int { return k.matchEntries(false) }},
		{Name: "htable.sht_match_str_value", Params: "sss", Result: "int", Does: "whether a value compares: eq ne sw re", call: func(k *call) int { return k.matchEntries(true) }},
		{Name: "htable.sht_rm_name", Params: "sss", Result: "int", Does: "removes the keys that compare: eq ne sw re", call: removeEntries},
		{Name: "pike.pike_check_req", Result: "int", Does: "counts the requests of the source address", Differs: "counts each address in whole units of time", call: func(k *call) int {
			return k.num(k.sh.module.shared.pike.hit(k.source().Addr.Addr().Unmap(), k.sh.limit, k.c.Now()))
		}},
	}
}

// pike is the rule of the configuration, or the stock script's. It is read once: a configuration
// has many settings.
func (sh *shim) pike() pikeRule {
	r := pikeRule{2 * time.Second, 16}
	if c := sh.module.config; c != nil {
		if n, err := strconv.Atoi(c.Param("pike", "sampling_time_unit", "2")); err == nil && n > 0 {
			r.unit = time.Duration(n) * time.Second
		}
		if n, err := strconv.Atoi(c.Param("pike", "reqs_density_per_unit", "30")); err == nil && n > 0 {
			r.density = n
		}
	}
	return r
}

// inTable calls f with the table that the first argument names and pushes what it returns; -1 if
// there is none.
func (k *call) inTable(f func(t *htable) int) int {
	n := -1
	if !k.sh.module.shared.in(k.sh.module.config, k.str(1), func(t *htable) { n = f(t) }) {
		k.log("there is no table " + k.str(1))
	}
	return k.num(n)
}

func (k *call) lookEntry() (v pv.Value, ok bool) {
	ok = k.sh.module.shared.in(k.sh.module.config, k.str(1), func(t *htable) { v = t.get(k.str(2), k.c.Now()) })
	if !ok {
		k.log("there is no table " + k.str(1))
	}
	return v, ok
}

func (k *call) entry() pv.Value { v, _ := k.lookEntry(); return v }

// setEntry sets the key that the arguments name; seconds -1 is as the table says.
func (k *call) setEntry(v pv.Value, seconds int) int {
	return k.inTable(func(t *htable) int {
		ttl := t.ttl
		if seconds >= 0 {
			ttl = time.Duration(seconds) * time.Second
		}
		if t.set(k.str(2), v, ttl, k.c.Now()) {
			return 1
		}
		return -1
	})
}

// noCount is what sht_inc returns if there is no number.
const noCount = -255

func (k *call) count(by int64) int {
	now := k.c.Now()
	out := noCount
	if !k.sh.module.shared.in(k.sh.module.config, k.str(1), func(t *htable) {
		v := t.get(k.str(2), now)
		if v.Kind != pv.Number {
			return
		}
		ttl := t.ttl
		if e, ok := t.entries[k.str(2)]; ok && e.ttl != 0 {
			ttl = e.ttl
		}
		if t.set(k.str(2), pv.Num(v.N+by), ttl, now) {
			out = int(v.N + by)
		}
	}) {
		k.log("there is no table " + k.str(1))
	}
	return k.num(out)
}

// comparison is that of the arguments, nil, which is logged, for one that there is not.
func (k *call) comparison() func(string) bool {
	op, want := k.str(2), k.str(3)
	compare, ok := comparison(op, want)
	if !ok {
		k.log("there is no comparison " + strconv.Quote(op) + " of " + strconv.Quote(want) + ": eq, ne, sw and re")
		return nil
	}
	return compare
}

// matchEntries is sht_match_name and sht_match_str_value.
func (k *call) matchEntries(values bool) int {
	now, compare := k.c.Now(), k.comparison()
	if compare == nil {
		return k.num(-1)
	}
	return k.inTable(func(t *htable) int {
		if !values && k.str(2) == "eq" {
			if e, ok := t.entries[k.str(3)]; ok && !e.over(now) {
				return 1
			}
			return -1
		}
		for name, e := range t.entries {
			switch {
			case e.over(now) || values && e.value.Kind != pv.String:
			case values && compare(e.value.Text) || !values && compare(name):
				return 1
			}
		}
		return -1
	})
}

// removeEntries is sht_rm_name.
func removeEntries(k *call) int {
	compare := k.comparison()
	if compare == nil {
		return k.num(-1)
	}
	return k.inTable(func(t *htable) int {
		for name := range t.entries {
			if compare(name) {
				delete(t.entries, name)
			}
		}
		return 1
	})
}
