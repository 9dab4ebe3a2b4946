package syntax_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/luabind/syntax"
)

func TestComments(t *testing.T) {
	const text = "-- one\nx = \"-- not\" -- two\n--[[ three\nfour ]] y = [[ -- not ]]\nz = '\\'--' --[==[ five ]] ]==]\n\nw = a[b[1]] -- six"
	f, err := syntax.Parse("t.lua", text)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range f.Comments {
		got += fmt.Sprintf("%d-%d %v %s\n", c.Line, c.End, c.Alone, c.Text)
	}
	if want := "1-1 true -- one\n2-2 false -- two\n3-4 true --[[ three\nfour ]]\n5-5 false --[==[ five ]] ]==]\n7-7 false -- six\n"; got != want {
		t.Errorf("%s", got)
	}
	if !f.Blank(6) || f.Blank(5) || f.Lines() != 7 {
		t.Error("lines")
	}
}

func TestLast(t *testing.T) {
	f, err := syntax.Parse("t.lua", "f(1,\n2)\nif a then\n b()\nelseif c then\n d(1,\n 2)\nend\nlocal x = 1 +\n y\nfunction g()\n h()\nend")
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, s := range f.Stmts {
		got = append(got, syntax.Last(s))
	}
	if fmt.Sprint(got) != "[2 8 10 13]" {
		t.Error(got)
	}
}

// Whatever a text is, looking for its comments ends.
func FuzzParse(f *testing.F) {
	f.Add("--[[")
	f.Add("x = \"\\")
	f.Add("[==[ ]==] -- x")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		file, err := syntax.Parse("t.lua", text)
		if err != nil {
			return
		}
		for _, c := range file.Comments {
			if c.Line < 1 || c.End < c.Line || c.End > file.Lines() {
				t.Errorf("%d-%d of %d", c.Line, c.End, file.Lines())
			}
		}
		for _, s := range file.Stmts {
			_ = syntax.Last(s)
		}
	})
}
