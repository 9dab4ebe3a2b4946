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
	code, constants, pc := f.fn.Proto.Code, f.fn.Proto.Constants, f.pc
	s.settle(f)
	regs := reg.array[f.localBase:]
	for {
		inst := code[pc]
		pc++
		f.pc = pc
		a, b, c := operandA(inst), operandB(inst), operandC(inst)
		switch int(inst >> 26) {
		case lua.OP_MOVE:
			regs[a] = regs[b]
			continue
		case lua.OP_MOVEN:
			regs[a] = regs[b]
			for range c {
				inst = code[pc]
				regs[operandA(inst)] = regs[operandB(inst)]
				pc++
			}
			continue
		case lua.OP_LOADK:
			regs[a] = constants[inst&0x3ffff]
			continue
		case lua.OP_LOADBOOL:
			regs[a] = boolean(b != 0)
			if c != 0 {
				pc++
			}
			continue
		case lua.OP_LOADNIL:
			for i := a; i <= b; i++ {
				regs[i] = lua.LNil
			}
			continue
		case lua.OP_GETUPVAL:
			regs[a] = f.fn.Upvalues[b].Value()
			continue
		case lua.OP_SETUPVAL:
			f.fn.Upvalues[b].SetValue(regs[a])
			continue
		case lua.OP_GETGLOBAL:
			if x, ok := insideOf(f.fn.Env).strdict[text(constants[inst&0x3ffff])]; ok {
				regs[a] = x
				continue
			}
		case lua.OP_GETTABLE:
			if x := v.index(regs[b], choose(regs, constants, c)); x != nil {
				regs[a] = x
				continue
			}
		case lua.OP_GETTABLEKS:
			switch x := regs[b].(type) {
			case *lua.LTable:
				if x := field(x, text(choose(regs, constants, c))); x != nil {
					regs[a] = x
					continue
				}
			case *lua.LUserData:
				if x := s.member(l, x, text(choose(regs, constants, c))); x != nil {
					regs = reg.array[f.localBase:]
					regs[a] = x
					continue
				}
			}
		case lua.OP_SELF:
			if x := v.method(regs[b], text(choose(regs, constants, c))); x != nil {
				regs[a+1] = regs[b]
				regs[a] = x
				continue
			}
		case lua.OP_SETTABLE:
			if x, ok := regs[a].(*lua.LTable); ok && v.assign(l, insideOf(x), choose(regs, constants, b), choose(regs, constants, c)) {
				continue
			}
		case lua.OP_SETTABLEKS:
			if x, ok := regs[a].(*lua.LTable); ok && v.assignText(l, insideOf(x), choose(regs, constants, b), choose(regs, constants, c)) {
				continue
			}
		case lua.OP_NEWTABLE:
			v.spend(l, tableSize+valueSize*b+entrySize*c)
			regs[a] = newTable(b, c)
			continue
		case lua.OP_ADD:
			if x, ok := choose(regs, constants, b).(lua.LNumber); ok {
				if y, ok := choose(regs, constants, c).(lua.LNumber); ok {
					regs[a] = v.boxes.number(x + y)
					continue
				}
			}
		case lua.OP_SUB:
			if x, ok := choose(regs, constants, b).(lua.LNumber); ok {
				if y, ok := choose(regs, constants, c).(lua.LNumber); ok {
					regs[a] = v.boxes.number(x - y)
					continue
				}
			}
		case lua.OP_MUL:
			if x, ok := choose(regs, constants, b).(lua.LNumber); ok {
				if y, ok := choose(regs, constants, c).(lua.LNumber); ok {
					regs[a] = v.boxes.number(x * y)
					continue
				}
			}
		case lua.OP_DIV:
			if x, ok := choose(regs, constants, b).(lua.LNumber); ok {
				if y, ok := choose(regs, constants, c).(lua.LNumber); ok {
					regs[a] = v.boxes.number(x / y)
					continue
				}
			}
		case lua.OP_MOD:
			if x, ok := remainder(choose(regs, constants, b), choose(regs, constants, c)); ok {
				regs[a] = v.boxes.number(x)
				continue
			}
		case lua.OP_NOT:
			regs[a] = boolean(falsy(regs[b]))
			continue
		case lua.OP_LEN:
			if n, ok := length(choose(regs, constants, b)); ok {
				regs[a] = v.boxes.number(lua.LNumber(n))
				continue
			}
		case lua.OP_CONCAT:
			if x := v.concat(l, t, regs[b:c+1]); x != nil {
				regs[a] = x
				continue
			}
		case lua.OP_JMP:
			n := jump(inst)
			if pc += n; n < 0 {
				t.tick(l, -n)
			}
			continue
		case lua.OP_EQ:
			if same, ok := equal(choose(regs, constants, b), choose(regs, constants, c)); ok {
				if same == (a == 0) {
					pc++
				}
				continue
			}
		case lua.OP_LT:
			if less, ok := less(choose(regs, constants, b), choose(regs, constants, c)); ok {
				if less == (a == 0) {
					pc++
				}
				continue
			}
		case lua.OP_LE:
			if within, ok := lessOrEqual(choose(regs, constants, b), choose(regs, constants, c)); ok {
				if within == (a == 0) {
					pc++
				}
				continue
			}
		case lua.OP_TEST:
			if falsy(regs[a]) != (c == 0) {
				pc++
			}
			continue
		case lua.OP_TESTSET:
			if x := regs[b]; falsy(x) == (c == 0) {
				regs[a] = x
			} else {
				pc++
			}
			continue
		case lua.OP_CALL:
			fn, ok := regs[a].(*lua.LFunction)
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
					code, constants, pc = fn.Proto.Code, fn.Proto.Constants, 0
					regs = reg.array[f.localBase:]
					continue
				}
				break
			}
			quick, direct := quickOf(fn)
			if quick != nil && len(regs)-a >= quickRoom {
				if n = quick(v, l, regs[a:], n); n >= 0 {
					s.leaveValues(f, regs[a:], a, n, c-1)
					t.tick(l, 1)
					continue
				}
			}
			if direct && s.enter(f, fn, a, n, c-1) {
				t.tick(l, 1)
				s.leave(f, f.localBase+a, fn.GFunction(l), c-1)
				regs = reg.array[f.localBase:]
				continue
			}
		case lua.OP_TAILCALL:
			fn, ok := regs[a].(*lua.LFunction)
			if !ok || !fn.IsG || f.parent == nil || s.stack.frames.used == 0 {
				break
			}
			n := b - 1
			if b == 0 {
				n = reg.top - f.localBase - a - 1
			}
			quick, _ := quickOf(fn)
			if quick == nil || len(regs)-a < quickRoom {
				break
			}
			if n = quick(v, l, regs[a:], n); n < 0 {
				break
			}
			t.tick(l, 1)
			if f, ok = s.pop(f, base, a, n); ok {
				return
			}
			code, constants, pc = f.fn.Proto.Code, f.fn.Proto.Constants, f.pc
			regs = reg.array[f.localBase:]
			continue
		case lua.OP_RETURN:
			n := b - 1
			if b == 0 {
				// return (f()): the compiler counts on the top after a call.
				if c = operandC(code[pc-2]); int(code[pc-2]>>26) == lua.OP_CALL && c > 0 {
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
			code, constants, pc = f.fn.Proto.Code, f.fn.Proto.Constants, f.pc
			regs = reg.array[f.localBase:]
			continue
		case lua.OP_FORLOOP:
			i, ok := regs[a].(lua.LNumber)
			limit, ok2 := regs[a+1].(lua.LNumber)
			step, ok3 := regs[a+2].(lua.LNumber)
			if !ok || !ok2 || !ok3 {
				break
			}
			if i += step; step > 0 && i <= limit || step <= 0 && i >= limit {
				x := v.boxes.number(i)
				regs[a], regs[a+3] = x, x
				n := jump(inst)
				pc += n
				t.tick(l, -n)
			}
			continue
		case lua.OP_TFORLOOP:
			if v.iterate(l, regs[a:], c) {
				if !isNil(regs[a+3]) {
					regs[a+2] = regs[a+3]
					n := jump(code[pc])
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
		code, constants, pc = f.fn.Proto.Code, f.fn.Proto.Constants, f.pc
		s.settle(f)
		regs = reg.array[f.localBase:]
	}
}
