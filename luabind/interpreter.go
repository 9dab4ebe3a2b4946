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
// A state that is not ours (its context is not a thread of a
// VM) proceeds directly.
//
// Assumptions about the interpreter's internals are verified when the process starts; if they do
// not hold, NewRouter fails.

// instruction is how the interpreter does one: 1 ends the loop.
type instruction func(l *lua.LState, inst uint32, base *frame) int

//go:linkname jumpTable github.com/yuin/gopher-lua.jumpTable
var jumpTable [lua.OP_NOP + 1]instruction

//lint:file-ignore U1000 the fields that are not used say where the others are

// state is the head of the interpreter's LState, frame its callFrame, and so on.
type (
	state struct {
		global       *lua.Global
		parent       *lua.LState // of a coroutine
		env          *lua.LTable
		panics       func(*lua.LState)
		dead         bool
		options      lua.Options
		stop         int32
		reg          *registry
		stack        callStack
		alloc        unsafe.Pointer
		frame        *frame // the current one
		wrapped      bool
		upvalues     *upvalue // those that are open, by their index
		hasErrorFunc bool
		mainLoop     func(l *lua.LState, base *frame)
	}
	// callStack is an interface of theirs. All our states have the stack that grows.
	callStack struct {
		kind   unsafe.Pointer
		frames *frames
	}
	frames struct {
		segments []*segment
		segment  uint16
		used     uint8 // of the segment
	}
	segment struct {
		array [lua.FramesPerSegment]frame
	}
	frame struct {
		idx        int
		fn         *lua.LFunction
		parent     *frame
		pc         int
		base       int
		localBase  int
		returnBase int
		nargs      int
		nret       int
		tailCall   int
	}
	registry struct {
		array []lua.LValue
		top   int
	}
	upvalue struct {
		next   *upvalue
		reg    *registry
		index  int
		value  lua.LValue
		closed bool
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

// plain are the interpreter's own instructions. They are set by lookInside and never changed.
var plain struct{ setGlobal, concat, setTable, setTableKS, newTable, setList, closure instruction }

// errInterpreter is nil if the interpreter is as expected.
var errInterpreter = lookInside()

// lookInside verifies the assumptions, and installs the hooks.
func lookInside() error {
	example := lua.NewState(stateOptions())
	defer example.Close()
	stack := reflect.ValueOf(example).Elem().FieldByName("stack")
	loop, ok := reflect.TypeFor[lua.LState]().FieldByName("mainLoop")
	if !ok || stack.Kind() != reflect.Interface || stack.Elem().Kind() != reflect.Pointer {
		return errVersion
	}
	first := stack.Elem().Type().Elem() // its type is not exported: it is reached by the fields
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[lua.LState](), reflect.TypeFor[state]()},
		{first, reflect.TypeFor[frames]()},
		{element(first, 0), reflect.TypeFor[segment]()},
		{loop.Type.In(1).Elem(), reflect.TypeFor[frame]()},
		{element(reflect.TypeFor[lua.LState](), 7), reflect.TypeFor[registry]()},
		{reflect.TypeFor[lua.Upvalue](), reflect.TypeFor[upvalue]()},
		{reflect.TypeFor[lua.LTable](), reflect.TypeFor[table]()},
	} {
		if pair[0] == nil || !headOf(pair[0], pair[1]) {
			return errVersion
		}
	}
	plain.concat, plain.setTable, plain.setTableKS = jumpTable[lua.OP_CONCAT], jumpTable[lua.OP_SETTABLE], jumpTable[lua.OP_SETTABLEKS]
	plain.setGlobal, jumpTable[lua.OP_SETGLOBAL] = jumpTable[lua.OP_SETGLOBAL], opSetGlobal
	plain.newTable, plain.setList, plain.closure = jumpTable[lua.OP_NEWTABLE], jumpTable[lua.OP_SETLIST], jumpTable[lua.OP_CLOSURE]
	jumpTable[lua.OP_CONCAT], jumpTable[lua.OP_SETTABLE], jumpTable[lua.OP_SETTABLEKS] = opConcat, opSetTable, opSetTableKS
	jumpTable[lua.OP_NEWTABLE], jumpTable[lua.OP_SETLIST], jumpTable[lua.OP_CLOSURE] = opNewTable, opSetList, opClosure
	return nil
}

var errVersion = errors.New("luabind: this version of gopher-lua is not the one that is expected (1.1.2)")

// element is what field i of a struct points to, if need be in a slice.
func element(of reflect.Type, i int) reflect.Type {
	if of.Kind() != reflect.Struct || of.NumField() <= i {
		return nil
	}
	t := of.Field(i).Type
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Pointer {
		return nil
	}
	return t.Elem()
}

// headOf reports whether ours has the fields that theirs begins with.
func headOf(theirs, ours reflect.Type) bool {
	if theirs.Kind() != reflect.Struct || theirs.NumField() < ours.NumField() {
		return false
	}
	for i := range ours.NumField() {
		a, b := theirs.Field(i), ours.Field(i)
		if a.Offset != b.Offset || a.Type.Size() != b.Type.Size() || a.Type.Kind() != b.Type.Kind() && b.Type != reflect.TypeFor[unsafe.Pointer]() && b.Type != reflect.TypeFor[callStack]() {
			return false
		}
	}
	return true
}

func insideState(l *lua.LState) *state { return (*state)(unsafe.Pointer(l)) }

// registryOf is the stack of a state, all its frames'.
func registryOf(l *lua.LState) *registry { return insideState(l).reg }

func frameOf(l *lua.LState) *frame { return insideState(l).frame }

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

func opConcat(l *lua.LState, inst uint32, base *frame) int {
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

func opSetGlobal(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok && !t.vm.loading {
		t.vm.mayAssignGlobal(l, frameOf(l).fn.Proto.Constants[inst&0x3ffff].String())
	}
	return plain.setGlobal(l, inst, base)
}

func opSetTable(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok {
		f, r := frameOf(l), registryOf(l)
		t.vm.assigns(l, r.array[f.localBase+operandA(inst)], operand(f, r, operandB(inst)))
	}
	return plain.setTable(l, inst, base)
}

func opSetTableKS(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok {
		f, r := frameOf(l), registryOf(l)
		if x, ok := r.array[f.localBase+operandA(inst)].(*lua.LTable); ok && x.Metatable != lua.LNil {
			t.vm.assigns(l, x, operand(f, r, operandB(inst)))
		} else {
			t.vm.spend(l, entrySize)
			if ok {
				insideOf(x).index()
			}
		}
	}
	return plain.setTableKS(l, inst, base)
}

func opNewTable(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok {
		t.vm.spend(l, tableSize+valueSize*operandB(inst)+entrySize*operandC(inst))
	}
	return plain.newTable(l, inst, base)
}

func opSetList(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok {
		n := operandB(inst)
		if n == 0 { // all that a call returned
			n = registryOf(l).top - frameOf(l).localBase - operandA(inst) - 1
		}
		t.vm.spend(l, valueSize*n)
	}
	return plain.setList(l, inst, base)
}

func opClosure(l *lua.LState, inst uint32, base *frame) int {
	if t, ok := l.Context().(*thread); ok {
		t.vm.spend(l, functionSize)
	}
	return plain.closure(l, inst, base)
}
