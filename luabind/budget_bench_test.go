package luabind

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// BenchmarkContext compares the interpreter with and without a context: trap 25.
func BenchmarkContext(b *testing.B) {
	for name, source := range map[string]string{
		"short": `return function(a) local x = a if x == 5 then return 1 end return x end`,
		"tight": `return function() local n, i = 0, 0 while i < 1000 do i = i + 1 if n == i then n = 0 end end end`,
	} {
		for _, with := range []bool{false, true} {
			kind := "/without"
			if with {
				kind = "/with"
			}
			b.Run(name+kind, func(b *testing.B) {
				l := lua.NewState(stateOptions())
				v := &vm{main: l}
				proto, err := compile(source, "bench")
				if err != nil {
					b.Fatal(err)
				}
				l.Push(l.NewFunctionFromProto(proto))
				l.Call(0, 1)
				f := l.Get(-1)
				th, _ := l.NewThread()
				if with {
					t := &thread{vm: v, l: th, turn: 1, due: 1 << 62}
					th.SetContext(t)
				}
				b.ReportAllocs()
				for b.Loop() {
					th.Push(f)
					th.Push(lua.LNumber(3))
					if err := th.PCall(1, 0, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
