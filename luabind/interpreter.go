package luabind

import (
	"errors"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What gopher-lua 1.1.2 has no interface for. An instruction that takes memory (a concatenation, an
// assignment to an index, a new table or function) can take gigabytes at once, with nothing to stop
// it, and there is no hook. So these few instructions are checked before they run: their entries in
// the interpreter's instruction table, which is built once, before anything runs, lead here first.
// All others cost the same as before. A state that is not ours (its context is not a thread of a
// VM) proceeds directly.
//
// Assumptions about the interpreter's internals are verified when the process starts; if they do
// not hold, NewRouter fails.

// instruction is how the interpreter does one: 1 ends the loop.
type instruction func(l *lua.LState, inst uint32, base unsafe.Pointer) int

//go:linkname jumpTable github.com/yuin/gopher-lua.jumpTable
var jumpTable [lua.OP_NOP + 1]instruction

//lint:file-ignore U1000 the fields that are not used say where the others are

// frame is the head of the interpreter's callFrame, registry that of its registry, table that of
// LTable.
type (
	frame struct {
		idx       int
		fn        *lua.LFunction
		parent    unsafe.Pointer
		pc        int
		base      int
		localBase int
	}
	registry struct {
		array []lua.LValue
		top   int
	}
	table struct {
		metatable lua.LValue
		array     []lua.LValue
		dict      map[lua.LValue]lua.LValue
		strdict   map[string]lua.LValue
		keys      []lua.LValue
		k2i       map[lua.LValue]int
	}
)

// Set by lookInside and never changed: where an LState has its registry and its current frame, and
// the interpreter's own instructions.
var (
	inside struct{ registry, frame uintptr }
	plain  struct{ setGlobal, concat, setTable, setTableKS, newTable, setList, closure instruction }
)

// errInterpreter is nil if the interpreter is as expected.
var errInterpreter = lookInside()

// lookInside verifies the assumptions, and installs the hooks.
func lookInside() error {
	state := reflect.TypeFor[lua.LState]()
	r, ok := state.FieldByName("reg")
	f, ok2 := state.FieldByName("currentFrame")
	if !ok || !ok2 || r.Type.Kind() != reflect.Pointer || f.Type.Kind() != reflect.Pointer ||
		!headOf(r.Type.Elem(), reflect.TypeFor[registry]()) || !headOf(f.Type.Elem(), reflect.TypeFor[frame]()) ||
		!headOf(reflect.TypeFor[lua.LTable](), reflect.TypeFor[table]()) {
		return errors.New("luabind: this version of gopher-lua is not the one that is expected (1.1.2)")
	}
	inside.registry, inside.frame = r.Offset, f.Offset
	plain.concat, plain.setTable, plain.setTableKS = jumpTable[lua.OP_CONCAT], jumpTable[lua.OP_SETTABLE], jumpTable[lua.OP_SETTABLEKS]
	plain.setGlobal, jumpTable[lua.OP_SETGLOBAL] = jumpTable[lua.OP_SETGLOBAL], opSetGlobal
	plain.newTable, plain.setList, plain.closure = jumpTable[lua.OP_NEWTABLE], jumpTable[lua.OP_SETLIST], jumpTable[lua.OP_CLOSURE]
	jumpTable[lua.OP_CONCAT], jumpTable[lua.OP_SETTABLE], jumpTable[lua.OP_SETTABLEKS] = opConcat, opSetTable, opSetTableKS
	jumpTable[lua.OP_NEWTABLE], jumpTable[lua.OP_SETLIST], jumpTable[lua.OP_CLOSURE] = opNewTable, opSetList, opClosure
	return nil
}

// headOf reports whether ours has the fields that theirs begins with.
func headOf(theirs, ours reflect.Type) bool {
	if theirs.Kind() != reflect.Struct || theirs.NumField() < ours.NumField() {
		return false
	}
	for i := range ours.NumField() {
		a, b := theirs.Field(i), ours.Field(i)
		if a.Offset != b.Offset || a.Type.Size() != b.Type.Size() || a.Type.Kind() != b.Type.Kind() && b.Type.Kind() != reflect.UnsafePointer {
			return false
		}
	}
	return true
}

// registryOf is the stack of a state, all its frames'.
func registryOf(l *lua.LState) *registry {
	return *(**registry)(unsafe.Add(unsafe.Pointer(l), inside.registry))
}

func frameOf(l *lua.LState) *frame {
	return *(**frame)(unsafe.Add(unsafe.Pointer(l), inside.frame))
}

func insideOf(t *lua.LTable) *table { return (*table)(unsafe.Pointer(t)) }

// The operands of an instruction.
func operandA(inst uint32) int { return int(inst>>18) & 0xff }
func operandB(inst uint32) int { return int(inst & 0x1ff) }
func operandC(inst uint32) int { return int(inst>>9) & 0x1ff }

// constantBit marks an operand that is one of the function's constants.
const constantBit = 1 << 8

// operand is the value of a register or a constant.
func operand(f *frame, r *registry, n int) lua.LValue {
	if n&constantBit != 0 {
		return f.fn.Proto.Constants[n&^constantBit]
	}
	return r.array[f.localBase+n]
}

func opConcat(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		f, r := frameOf(l), registryOf(l)
		n := valueSize
		for _, x := range r.array[f.localBase+operandB(inst) : f.localBase+operandC(inst)+1] {
			if s, ok := x.(lua.LString); ok {
				n += len(s)
			}
		}
		t.vm.spend(l, n)
		t.steps += n / bytesAStep
	}
	return plain.concat(l, inst, base)
}

func opSetGlobal(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok && !t.vm.loading {
		t.vm.mayAssignGlobal(l, frameOf(l).fn.Proto.Constants[inst&0x3ffff].String())
	}
	return plain.setGlobal(l, inst, base)
}

func opSetTable(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		f, r := frameOf(l), registryOf(l)
		t.vm.assigns(l, r.array[f.localBase+operandA(inst)], operand(f, r, operandB(inst)))
	}
	return plain.setTable(l, inst, base)
}

func opSetTableKS(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		f, r := frameOf(l), registryOf(l)
		if x, ok := r.array[f.localBase+operandA(inst)].(*lua.LTable); ok && x.Metatable != lua.LNil {
			t.vm.assigns(l, x, operand(f, r, operandB(inst)))
		} else {
			t.vm.spend(l, entrySize)
		}
	}
	return plain.setTableKS(l, inst, base)
}

func opNewTable(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		t.vm.spend(l, tableSize+valueSize*operandB(inst)+entrySize*operandC(inst))
	}
	return plain.newTable(l, inst, base)
}

func opSetList(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		n := operandB(inst)
		if n == 0 { // all that a call returned
			n = registryOf(l).top - frameOf(l).localBase - operandA(inst) - 1
		}
		t.vm.spend(l, valueSize*n)
	}
	return plain.setList(l, inst, base)
}

func opClosure(l *lua.LState, inst uint32, base unsafe.Pointer) int {
	if t, ok := l.Context().(*thread); ok {
		t.vm.spend(l, functionSize)
	}
	return plain.closure(l, inst, base)
}
