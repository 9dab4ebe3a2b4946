package luabind

import lua "github.com/yuin/gopher-lua"

// Calls of Lua functions in the executor.

// last is the current frame, or nil.
func (s *frames) last() *frame {
	if s.used > 0 {
		return &s.segments[s.segment].array[s.used-1]
	}
	if s.segment == 0 {
		return nil
	}
	return &s.segments[s.segment-1].array[lua.FramesPerSegment-1]
}

// settle moves the top to the end of the frame's registers after an instruction of the
// interpreter, unless that left a variable number of values.
func (s *state) settle(f *frame) {
	proto := f.fn.Proto
	if f.pc > 0 {
		switch last := proto.Code[f.pc-1]; int(last >> 26) {
		case lua.OP_CALL:
			if operandC(last) == 0 {
				return
			}
		case lua.OP_VARARG:
			if operandB(last) == 0 {
				return
			}
		}
	}
	top := f.localBase + int(proto.NumUsedRegisters)
	for i := s.reg.top; i < top; i++ { // a coroutine was resumed with less values than it takes
		s.reg.array[i] = lua.LNil
	}
	s.reg.top = max(s.reg.top, top)
}

// push makes a frame for a call of fn by f with n arguments, which begin after register a. It
// returns nil where the interpreter must: the stack is to grow, or fn takes a variable number of
// arguments.
func (s *state) push(f *frame, fn *lua.LFunction, a, n, nret int) *frame {
	proto, stack := fn.Proto, s.stack.frames
	at := f.localBase + a
	used := int(proto.NumUsedRegisters)
	if stack.used >= lua.FramesPerSegment || proto.IsVarArg != 0 || at+1+max(n, used) > len(s.reg.array) {
		return nil
	}
	next := &stack.segments[stack.segment].array[stack.used]
	next.idx = int(stack.used) + lua.FramesPerSegment*int(stack.segment)
	stack.used++
	next.fn, next.parent = fn, f
	next.pc, next.base, next.localBase, next.returnBase = 0, at, at+1, at
	next.nargs, next.nret, next.tailCall = n, nret, 0
	regs := s.reg.array[at+1 : at+1+max(n, used)]
	for i := min(n, int(proto.NumParameters)); i < len(regs); i++ {
		regs[i] = lua.LNil
	}
	s.reg.top = at + 1 + used
	s.frame = next
	return next
}

// enter is push for a function of Go.
func (s *state) enter(f *frame, fn *lua.LFunction, a, n, nret int) bool {
	stack := s.stack.frames
	if stack.used >= lua.FramesPerSegment {
		return false
	}
	at := f.localBase + a
	next := &stack.segments[stack.segment].array[stack.used]
	next.idx = int(stack.used) + lua.FramesPerSegment*int(stack.segment)
	stack.used++
	next.fn, next.parent = fn, f
	next.pc, next.base, next.localBase, next.returnBase = 0, at, at+1, at
	next.nargs, next.nret, next.tailCall = n, nret, 0
	top := at + 1 + n
	if s.reg.top > top {
		clear(s.reg.array[top:s.reg.top])
	}
	s.reg.top = top
	s.frame = next
	return true
}

// leave ends the frame that enter made for f: the function's n results are on top of the stack, and
// want of them, or all, are wanted from at on.
func (s *state) leave(f *frame, at, n, want int) {
	stack, reg := s.stack.frames, s.reg
	if stack.used == 0 { // those that the function has called lay in a segment of their own
		stack.segments[stack.segment] = nil
		stack.segment--
		stack.used = lua.FramesPerSegment
	}
	stack.used--
	s.frame = f
	from, end := reg.top-n, at+n
	if want != lua.MultRet {
		end = f.localBase + int(f.fn.Proto.NumUsedRegisters)
	} else {
		want = n
	}
	copied := min(n, want)
	copy(reg.array[at:at+copied], reg.array[from:from+copied])
	for i := at + copied; i < end; i++ {
		reg.array[i] = lua.LNil
	}
	if reg.top > end {
		clear(reg.array[end:reg.top])
	}
	reg.top = end
}

// pop ends f, whose n results begin with register a, and returns the frame that called it; over is
// that a function of Go did, or that f is base. f has a caller, and is not the first frame of a
// segment.
func (s *state) pop(f, base *frame, a, n int) (caller *frame, over bool) {
	if s.upvalues != nil {
		s.close(f.localBase)
	}
	stack, array := s.stack.frames, s.reg.array
	stack.used--
	want := f.nret
	if want == lua.MultRet {
		want = n
	}
	from, to := f.localBase+a, f.returnBase
	for i := range want {
		if i < n {
			array[to+i] = array[from+i]
		} else {
			array[to+i] = lua.LNil
		}
	}
	end := to + want
	caller = stack.last()
	s.frame = caller
	over = f == base || caller == nil || caller.fn.IsG
	if !over && f.nret != lua.MultRet {
		end = caller.localBase + int(caller.fn.Proto.NumUsedRegisters)
	}
	if s.reg.top > end {
		clear(array[end:s.reg.top])
	}
	s.reg.top = end
	return caller, over
}

// close gives the upvalues of registers from index on their own values.
func (s *state) close(index int) {
	var before *upvalue
	for u := s.upvalues; u != nil; u = u.next {
		if u.index < index {
			before = u
			continue
		}
		if before != nil {
			before.next = nil
		} else {
			s.upvalues = nil
		}
		for next := u; next != nil; {
			u, next = next, next.next
			u.value, u.closed = u.reg.array[u.index], true
			u.reg, u.next = nil, nil
		}
		return
	}
}

// call2 calls a function with two arguments from a function of Go, and returns its result.
func (v *vm) call2(l *lua.LState, fn *lua.LFunction, x, y lua.LValue) lua.LValue {
	s := insideState(l)
	reg, at := s.reg, s.reg.top
	if !fn.IsG && !v.plain && at+3 <= len(reg.array) {
		reg.array[at], reg.array[at+1], reg.array[at+2] = fn, x, y
		if next := s.push(s.frame, fn, at-s.frame.localBase, 2, 1); next != nil {
			run(l, next)
			result := reg.array[at]
			reg.array[at], reg.top = nil, at
			return result
		}
	}
	l.Push(fn)
	l.Push(x)
	l.Push(y)
	l.Call(2, 1)
	result := l.Get(-1)
	l.Pop(1)
	return result
}

// leaveValues arranges n results, which begin with register a, for a call that wants so many.
func (s *state) leaveValues(f *frame, regs []lua.LValue, a, n, want int) {
	if want == lua.MultRet {
		s.reg.top = f.localBase + a + n
		return
	}
	for i := n; i < want; i++ {
		regs[i] = lua.LNil
	}
	used := int(f.fn.Proto.NumUsedRegisters)
	if n > used-a {
		clear(regs[used-a : n])
	}
	s.reg.top = f.localBase + used
}
