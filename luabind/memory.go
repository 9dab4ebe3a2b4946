package luabind

import (
	"math"
	"runtime"
	"time"
	"weak"

	lua "github.com/yuin/gopher-lua"
)

// The memory of scripts. What a VM holds at a time (its globals, and what its running and waiting
// handlers hold together) is bounded: a call that would make it hold more gets an error, which says
// where.
//
// What an instruction or a library function is about to take is added up (spend). When the sum
// could exceed what is left, what the VM really holds is weighed by walking all of it (weigh),
// because most of what scripts take soon becomes garbage. So a VM that holds little is weighed once
// for every 64 MiB that it takes, which is tens of thousands of calls, and in a fraction of a
// millisecond.

// Estimates, in bytes.
const (
	valueSize    = 16  // a value in an array, or a string's head
	entrySize    = 100 // of a table's hash
	tableSize    = 150
	functionSize = 120
	upvalueSize  = 64
	threadSize   = 9 << 10
	bytesAStep   = 128 // that a library function writes in the time of an instruction
)

const (
	defaultMemory = 64 << 20
	// loadMemory is how many times the budget the file's own run may hold. What it holds in the end
	// is not charged to the handlers.
	loadMemory = 2
	// fullShare: a VM with less than this fraction of its budget left counts as full, so that it is
	// not weighed again and again.
	fullShare = 64
	// muchShare: what takes at least this fraction of a VM's budget at once is much.
	muchShare = 8
	// fullFor is how long a VM that stays full, though the calls that filled it ended, is not
	// weighed again.
	fullFor   = 500 * time.Millisecond
	fullTimes = 3 // found full so often in a row
)

// ledger is what a VM knows about its memory. It belongs to the holder of the lane's token.
type ledger struct {
	limit   int       // what the VM may hold
	debt    int       // taken since it was weighed
	room    int       // what may be taken before the next weighing
	full    time.Time // when it was last found full
	times   int       // in a row
	running *thread   // the calls that have begun and not ended, linked by next and prev
	// kept are tables and functions that only the engine holds: those of requests in progress.
	kept      []weak.Pointer[lua.LTable]
	callbacks []weak.Pointer[lua.LFunction]
	pruned    int // how many there were after the last that are gone were dropped
}

// spend records that n bytes are about to be taken, and raises an error if the VM would hold too
// much.
func (v *vm) spend(l *lua.LState, n int) {
	if v.mem.debt += n; v.mem.debt > v.mem.room {
		v.weigh(l, n)
	}
}

// spends is spend for library functions that know only the state.
func spends(l *lua.LState, n int) {
	if t, ok := l.Context().(*thread); ok {
		t.vm.spend(l, n)
		t.steps += n / bytesAStep
	}
}

// spendHere is spend for what may run without a script.
func (v *vm) spendHere(n int) {
	if v.current != nil {
		v.spend(v.current.l, n)
	}
}

// weigh determines what the VM holds. What a script leaves behind that takes so much at once is
// collected before it goes on: a few such strings more than double the process while the collector
// waits for its turn on a busy machine.
func (v *vm) weigh(l *lua.LState, n int) {
	m := &v.mem
	if n >= m.limit/muchShare {
		runtime.GC()
	}
	if now := time.Now(); m.times < fullTimes || now.Sub(m.full) > fullFor {
		m.debt, m.room = n, m.limit-v.held()
		if m.room >= max(n, m.limit/fullShare) {
			m.times = 0
		} else {
			m.full, m.room = now, 0
			m.times = min(m.times+1, fullTimes)
		}
	}
	if m.debt > m.room {
		m.debt = 0
		most := v.gen.router.opts.Memory
		if v.loading {
			most = m.limit
		}
		raise(l, "not enough memory: the script would hold more than %d MiB", most>>20)
	}
}

// loaded is called when the file has run: the handlers' budget starts from what it holds.
func (v *vm) loaded() {
	held := v.held()
	v.mem.limit = held + v.gen.router.opts.Memory
	v.mem.debt, v.mem.room = 0, v.gen.router.opts.Memory
}

// keep makes a table count that only the engine holds.
func (v *vm) keep(t *lua.LTable) {
	v.prune()
	v.mem.kept = append(v.mem.kept, weak.Make(t))
}

// callback makes a function count that only the engine holds.
func (v *vm) callback(f *lua.LFunction) {
	v.prune()
	v.mem.callbacks = append(v.mem.callbacks, weak.Make(f))
}

// prune drops what is gone, whenever there is twice as much as after the last time.
func (v *vm) prune() {
	m := &v.mem
	if len(m.kept)+len(m.callbacks) < max(2*m.pruned, 1024) {
		return
	}
	kept, callbacks := m.kept[:0], m.callbacks[:0]
	for _, p := range m.kept {
		if p.Value() != nil {
			kept = append(kept, p)
		}
	}
	for _, p := range m.callbacks {
		if p.Value() != nil {
			callbacks = append(callbacks, p)
		}
	}
	clear(m.kept[len(kept):])
	clear(m.callbacks[len(callbacks):])
	m.kept, m.callbacks = kept, callbacks
	m.pruned = len(kept) + len(callbacks)
}

// enroll and leave keep the list of running calls.
func (v *vm) enroll(t *thread) {
	if t.next = v.mem.running; t.next != nil {
		t.next.prev = t
	}
	t.prev = nil
	v.mem.running = t
}

func (v *vm) leave(t *thread) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		v.mem.running = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev = nil, nil
}

// assigns is called before obj[key] is set.
func (v *vm) assigns(l *lua.LState, obj, key lua.LValue) {
	t, ok := obj.(*lua.LTable)
	if !ok {
		return
	}
	for range lua.MaxTableGetLoop { // __newindex of __newindex …
		mt, ok := t.Metatable.(*lua.LTable)
		if !ok {
			break
		}
		v.mayAssign(l, t, key)
		next, ok := mt.RawGetString("__newindex").(*lua.LTable)
		if !ok || t.RawGet(key) != lua.LNil {
			break
		}
		t = next
	}
	v.grows(l, t, key)
}

// grows is called before a value is put into a table under a key: the interpreter fills an array up
// to the key.
func (v *vm) grows(l *lua.LState, t *lua.LTable, key lua.LValue) {
	insideOf(t).index()
	n := entrySize
	if k, ok := key.(lua.LNumber); ok && k >= 1 && k < lua.LNumber(lua.MaxArrayIndex) && k == lua.LNumber(math.Trunc(float64(k))) {
		array := insideOf(t).array
		switch i := int(k); {
		case i <= cap(array):
			n = 0
		case i <= len(array)+1: // it is copied into one of 1.25 to 2 times its size
			n = valueSize * (cap(array) + cap(array)/4 + 32)
		default:
			n = valueSize * (i + i/4)
		}
	}
	v.spend(l, n)
}

// mayAssign raises an error if a handler may not change a table.
func (v *vm) mayAssign(l *lua.LState, t *lua.LTable, key lua.LValue) {
	if v.loading {
		return
	}
	if t == v.main.G.Global {
		v.mayAssignGlobal(l, key.String())
	} else if name, ok := v.frozen[t]; ok {
		if mt := t.Metatable.(*lua.LTable); mt.RawGetString("__newindex") != lua.LNil && t.RawGet(key) == lua.LNil {
			raise(l, noNewNames, name) // nor may the file
		}
		raise(l, "%s is read-only in handlers: only the file, while it runs, may set %s.%s", name, name, key.String())
	} else if v.watched[t] {
		v.assigned++
	}
}

// mayAssignGlobal is called before a global is assigned. It raises an error if a handler may not
// change it.
func (v *vm) mayAssignGlobal(l *lua.LState, name string) {
	if !v.loading && v.library[name] {
		raise(l, "%s is read-only in handlers: only the file, while it runs, may set it", name)
	}
	v.assigned++
}

// freeze makes the globals that are there, and the tables of libraries among them, read-only in
// handlers.
func (v *vm) freeze() {
	v.library = map[string]bool{}
	v.main.G.Global.ForEach(func(k, value lua.LValue) {
		name := k.String()
		v.library[name] = true
		t, ok := value.(*lua.LTable)
		if !ok || t == v.main.G.Global {
			return
		}
		v.freezeTable(t, name)
	})
}

// freezeTable makes a table read-only in handlers.
func (v *vm) freezeTable(t *lua.LTable, name string) {
	if t.Metatable == lua.LNil { // by which an assignment is looked at
		t.Metatable = v.kinds.plain
	}
	if v.frozen[t] == "" {
		v.frozen[t] = name
	}
}

// watchLibrary notes that handlers may change a table, and those in it, but seldom do.
func (v *vm) watchLibrary(t *lua.LTable) {
	if v.watched[t] || t.Metatable != lua.LNil {
		return
	}
	t.Metatable = v.kinds.watched
	v.watched[t] = true
	t.ForEach(func(_, value lua.LValue) {
		if inner, ok := value.(*lua.LTable); ok {
			v.watchLibrary(inner)
		}
	})
}

// unwatch makes a table like any other.
func (v *vm) unwatch(t *lua.LTable) {
	if v.watched[t] {
		delete(v.watched, t)
		t.Metatable = lua.LNil
		v.assigned++
	}
}
