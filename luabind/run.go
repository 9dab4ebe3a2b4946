package luabind

import (
	_ "unsafe" // for go:linkname

	lua "github.com/yuin/gopher-lua"
)

// The executor of scripts. It runs the interpreter's own code on the interpreter's own stack, in
// place of its loop, and differs in how it does the usual case of the usual instructions: numbers
// are added, tables read and functions called here, without a call through the instruction table,
// a look at the context, and most of the allocations. Everything else (metamethods, coroutines,
// functions of Go, errors) is left to the interpreter's instruction, which finds all as it would
// be: the frame's counter is written, and the stack's top is above the frame's registers.
//
// Two rules keep that so. The top is the end of the frame's registers, except between an
// instruction that leaves a variable number of values and the next, which takes them. What lies
// above the top is nil.

// callGo calls the function of Go that is current.
//
//go:linkname callGo github.com/yuin/gopher-lua.callGFunction
func callGo(l *lua.LState, tailcall bool) bool

// adopt makes l one of the states that t runs on.
func (t *thread) adopt(l *lua.LState) {
	l.SetContext(t)
	if insideState(l).mainLoop = run; t.vm.plain {
		insideState(l).mainLoop = plainLoop
	}
}

// plainLoop is the interpreter's own loop, with which a test compares.
//
//go:linkname plainLoop github.com/yuin/gopher-lua.mainLoopWithContext
func plainLoop(l *lua.LState, base *frame)

// jumpBias is subtracted from the operand of a jump.
const jumpBias = 1<<17 - 1

func jump(inst uint32) int { return int(inst&0x3ffff) - jumpBias }

// follow is where the code goes on after a test that a jump follows.
func (t *thread) follow(l *lua.LState, code []uint32, pc int) int {
	inst := code[pc]
	if int(inst>>26) != lua.OP_JMP {
		return pc
	}
	n := jump(inst)
	if n < 0 {
		t.tick(l, -n)
	}
	return pc + 1 + n
}

// reckon does the arithmetic before pc, and that which follows as long as it replaces the result:
// what is between need be no value. It returns where the code goes on; 0: the operands are not
// usual.
func (v *vm) reckon(code []uint32, pc int, regs, constants []lua.LValue) int {
	inst := code[pc-1]
	a := operandA(inst)
	x, ok := choose(regs, constants, operandB(inst)).(lua.LNumber)
	y, ok2 := choose(regs, constants, operandC(inst)).(lua.LNumber)
	if !ok || !ok2 {
		return 0
	}
	n := x
	for first := true; ; first = false {
		switch int(inst >> 26) {
		case lua.OP_ADD:
			n = x + y
		case lua.OP_SUB:
			n = x - y
		case lua.OP_MUL:
			n = x * y
		case lua.OP_DIV:
			n = x / y
		default:
			r, ok := remainder(x, y)
			if !ok {
				if first {
					return 0
				}
				regs[a] = v.boxes.number(n)
				return pc - 1
			}
			n = r
		}
		inst = code[pc]
		if op := int(inst >> 26); op < lua.OP_ADD || op > lua.OP_MOD || operandA(inst) != a {
			break
		}
		x, y = n, n
		if b := operandB(inst); b != a {
			if x, ok = choose(regs, constants, b).(lua.LNumber); !ok {
				break
			}
		}
		if c := operandC(inst); c != a {
			if y, ok = choose(regs, constants, c).(lua.LNumber); !ok {
				break
			}
		}
		pc++
	}
	regs[a] = v.boxes.number(n)
	return pc
}

// choose is the value of a register or a constant.
func choose(regs, constants []lua.LValue, n int) lua.LValue {
	if n&constantBit != 0 {
		return constants[n&^constantBit]
	}
	return regs[n]
}

// tick counts n instructions, and looks whether the time is over.
func (t *thread) tick(l *lua.LState, n int) {
	if t.steps += n; t.steps >= t.due || t.vm.stop.Load() == t.turn {
		t.late(l, n)
	}
}

// late is tick when the clock is to be looked at, or the time is over.
func (t *thread) late(l *lua.LState, n int) {
	if t.vm.stop.Load() == t.turn {
		t.grace += n - 1
	}
	if t.overdue() != nil {
		l.RaiseError("%s", stoppedError{}.Error())
	}
}

// window is the code of the current function.
type window struct {
	code      []uint32
	constants []lua.LValue
	regs      []lua.LValue
}

//go:noinline
func (w *window) open(f *frame) { w.code, w.constants = f.fn.Proto.Code, f.fn.Proto.Constants }

// run executes functions of Lua, from the current one until the one whose frame is base has
// returned. It is long because it is one loop: what an instruction needs stays in variables.
func run(l *lua.LState, base *frame) {
	s := insideState(l)
	f := s.stack.frames.last()
	t, ok := l.Context().(*thread)
	if f == nil || !ok {
		return
	}
	if s.frame = f; f.fn.IsG {
		callGo(l, false)
		return
	}
	v := t.vm
	reg := s.reg
	var w window
	w.open(f)
	pc := f.pc
	s.settle(f)
	w.regs = reg.array[f.localBase:]
	for {
		inst := w.code[pc]
		pc++
		f.pc = pc
		a, b, c := operandA(inst), operandB(inst), operandC(inst)
		switch int(inst >> 26) {
		case lua.OP_MOVE:
			w.regs[a] = w.regs[b]
			continue
		case lua.OP_MOVEN:
			w.regs[a] = w.regs[b]
			for range c {
				inst = w.code[pc]
				w.regs[operandA(inst)] = w.regs[operandB(inst)]
				pc++
			}
			continue
		case lua.OP_LOADK:
			w.regs[a] = w.constants[inst&0x3ffff]
			continue
		case lua.OP_LOADBOOL:
			w.regs[a] = boolean(b != 0)
			if c != 0 {
				pc++
			}
			continue
		case lua.OP_LOADNIL:
			for i := a; i <= b; i++ {
				w.regs[i] = lua.LNil
			}
			continue
		case lua.OP_GETUPVAL:
			w.regs[a] = f.fn.Upvalues[b].Value()
			continue
		case lua.OP_SETUPVAL:
			f.fn.Upvalues[b].SetValue(w.regs[a])
			continue
		case lua.OP_GETGLOBAL:
			if x := v.lookUp(insideOf(f.fn.Env), text(w.constants[inst&0x3ffff])); x != nil {
				w.regs[a] = x
				continue
			}
		case lua.OP_GETTABLE:
			if x := v.index(w.regs[b], choose(w.regs, w.constants, c)); x != nil {
				w.regs[a] = x
				continue
			}
		case lua.OP_GETTABLEKS:
			switch x := w.regs[b].(type) {
			case *lua.LTable:
				if x := v.field(insideOf(x), text(choose(w.regs, w.constants, c))); x != nil {
					w.regs[a] = x
					continue
				}
			case *lua.LUserData:
				if x := s.member(l, x, text(choose(w.regs, w.constants, c))); x != nil {
					w.regs = reg.array[f.localBase:]
					w.regs[a] = x
					continue
				}
			}
		case lua.OP_SELF:
			if x := v.method(w.regs[b], text(choose(w.regs, w.constants, c))); x != nil {
				w.regs[a+1] = w.regs[b]
				w.regs[a] = x
				continue
			}
		case lua.OP_SETTABLE:
			if x, ok := w.regs[a].(*lua.LTable); ok && v.assign(l, insideOf(x), choose(w.regs, w.constants, b), choose(w.regs, w.constants, c)) {
				continue
			}
		case lua.OP_SETTABLEKS:
			if x, ok := w.regs[a].(*lua.LTable); ok && v.assignText(l, insideOf(x), choose(w.regs, w.constants, b), choose(w.regs, w.constants, c)) {
				continue
			}
		case lua.OP_NEWTABLE:
			v.spend(l, tableSize+valueSize*b+entrySize*c)
			w.regs[a] = newTable(b, c)
			continue
		case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD:
			if n := v.reckon(w.code, pc, w.regs, w.constants); n > 0 {
				pc = n
				continue
			}
		case lua.OP_NOT:
			w.regs[a] = boolean(falsy(w.regs[b]))
			continue
		case lua.OP_LEN:
			if n, ok := length(choose(w.regs, w.constants, b)); ok {
				w.regs[a] = v.boxes.number(lua.LNumber(n))
				continue
			}
		case lua.OP_CONCAT:
			if x := v.concat(l, t, w.regs[b:c+1]); x != nil {
				w.regs[a] = x
				continue
			}
		case lua.OP_JMP:
			n := jump(inst)
			if pc += n; n < 0 {
				t.tick(l, -n)
			}
			continue
		case lua.OP_EQ:
			if same, ok := equal(choose(w.regs, w.constants, b), choose(w.regs, w.constants, c)); ok {
				if same == (a == 0) {
					pc++
				} else {
					pc = t.follow(l, w.code, pc)
				}
				continue
			}
		case lua.OP_LT:
			if less, ok := less(choose(w.regs, w.constants, b), choose(w.regs, w.constants, c)); ok {
				if less == (a == 0) {
					pc++
				} else {
					pc = t.follow(l, w.code, pc)
				}
				continue
			}
		case lua.OP_LE:
			if within, ok := lessOrEqual(choose(w.regs, w.constants, b), choose(w.regs, w.constants, c)); ok {
				if within == (a == 0) {
					pc++
				} else {
					pc = t.follow(l, w.code, pc)
				}
				continue
			}
		case lua.OP_TEST:
			if falsy(w.regs[a]) != (c == 0) {
				pc++
			} else {
				pc = t.follow(l, w.code, pc)
			}
			continue
		case lua.OP_TESTSET:
			if x := w.regs[b]; falsy(x) == (c == 0) {
				w.regs[a] = x
			} else {
				pc++
			}
			continue
		case lua.OP_CALL:
			fn, ok := w.regs[a].(*lua.LFunction)
			if !ok {
				break
			}
			n := b - 1
			if b == 0 {
				n = reg.top - f.localBase - a - 1
			}
			if !fn.IsG {
				if next := s.push(f, fn, a, n, c-1); next != nil {
					t.tick(l, 1)
					f = next
					w.open(f)
					pc = 0
					w.regs = reg.array[f.localBase:]
					continue
				}
				break
			}
			q := quickOf(fn)
			if q == nil {
				break
			}
			if q.do != nil {
				if len(w.regs)-a < quickRoom {
					break
				}
				if n = q.do(v, l, w.regs[a:], n); n >= 0 {
					s.leaveValues(f, w.regs[a:], a, n, c-1)
					t.tick(l, 1)
					continue
				}
				break
			}
			if s.enter(f, fn, a, n, c-1) {
				t.tick(l, 1)
				if q.quits {
					t.mayQuit = t.bottom(l, base)
				}
				n = fn.GFunction(l)
				if n == quitting {
					s.abandon()
					return
				}
				t.mayQuit = false // for this call alone
				s.leave(f, f.localBase+a, n, c-1)
				w.regs = reg.array[f.localBase:]
				continue
			}
		case lua.OP_TAILCALL:
			fn, ok := w.regs[a].(*lua.LFunction)
			if !ok || !fn.IsG || f.parent == nil || s.stack.frames.used == 0 {
				break
			}
			n := b - 1
			if b == 0 {
				n = reg.top - f.localBase - a - 1
			}
			q := quickOf(fn)
			if q == nil || q.do == nil || len(w.regs)-a < quickRoom {
				break
			}
			if n = q.do(v, l, w.regs[a:], n); n < 0 {
				break
			}
			t.tick(l, 1)
			if f, ok = s.pop(f, base, a, n); ok {
				return
			}
			w.open(f)
			pc = f.pc
			w.regs = reg.array[f.localBase:]
			continue
		case lua.OP_RETURN:
			n := b - 1
			if b == 0 {
				// return (f()): the compiler counts on the top after a call.
				if c = operandC(w.code[pc-2]); int(w.code[pc-2]>>26) == lua.OP_CALL && c > 0 {
					reg.top = f.localBase + a + c - 1
				}
				n = reg.top - f.localBase - a
			}
			if f.parent == nil || s.stack.frames.used == 0 {
				break
			}
			if f, ok = s.pop(f, base, a, n); ok {
				return
			}
			w.open(f)
			pc = f.pc
			w.regs = reg.array[f.localBase:]
			continue
		case lua.OP_FORLOOP:
			i, ok := w.regs[a].(lua.LNumber)
			limit, ok2 := w.regs[a+1].(lua.LNumber)
			step, ok3 := w.regs[a+2].(lua.LNumber)
			if !ok || !ok2 || !ok3 {
				break
			}
			if i += step; step > 0 && i <= limit || step <= 0 && i >= limit {
				x := v.boxes.number(i)
				w.regs[a], w.regs[a+3] = x, x
				n := jump(inst)
				pc += n
				t.tick(l, -n)
			}
			continue
		case lua.OP_TFORLOOP:
			if v.iterate(l, w.regs[a:], c) {
				if !isNil(w.regs[a+3]) {
					w.regs[a+2] = w.regs[a+3]
					n := jump(w.code[pc])
					pc += n
					t.tick(l, max(1, -n))
				}
				pc++
				continue
			}
		}
		t.tick(l, 1)
		if jumpTable[inst>>26](l, inst, base) == 1 {
			return
		}
		f = s.frame
		w.open(f)
		pc = f.pc
		s.settle(f)
		w.regs = reg.array[f.localBase:]
	}
}
