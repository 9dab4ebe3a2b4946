package syntax

import lua "github.com/yuin/gopher-lua"

// widen sets how many registers a function and those within it use. The interpreter's compiler
// forgets some, such as the variable of a loop; its loop notices when they are written, ours
// doesn't.
func widen(p *lua.FunctionProto) {
	most := int(p.NumUsedRegisters) - 1
	for _, inst := range p.Code {
		most = max(most, highest(inst))
	}
	p.NumUsedRegisters = uint8(min(most+1, 255))
	for _, inner := range p.FunctionPrototypes {
		widen(inner)
	}
}

// highest is the highest register that an instruction writes.
func highest(inst uint32) int {
	a, b, c := int(inst>>18)&0xff, int(inst&0x1ff), int(inst>>9)&0x1ff
	switch int(inst >> 26) {
	case lua.OP_LOADNIL:
		return b
	case lua.OP_SELF:
		return a + 1
	case lua.OP_FORLOOP, lua.OP_FORPREP:
		return a + 3
	case lua.OP_TFORLOOP: // it calls the iterator above its own registers
		return a + 3 + max(c, 2)
	case lua.OP_CALL:
		return a + max(b-1, c-2)
	case lua.OP_VARARG:
		return a + max(b-2, 0)
	}
	return a
}
