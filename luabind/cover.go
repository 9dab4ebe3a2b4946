package luabind

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind/internal/syntax"
	lua "github.com/yuin/gopher-lua"
)

// Coverage counts which lines and decisions of scripts run, over all routers whose Options name it.
// Files are told apart by their paths, so that what several scripts require is counted together; a
// text that is not a file's is not counted. Its methods may be called from any goroutine.
type Coverage struct {
	mu    sync.Mutex
	files map[string]*coveredFile // by path; guarded by mu
}

// FileCoverage is what ran of one file.
type FileCoverage struct {
	Name      string             // as errors call it
	Path      string             // of the file; "" for a text without one
	Lines     []LineCoverage     // those with code, in their order
	Decisions []DecisionCoverage // in the order of the file
}

// LineCoverage is how often a line ran.
type LineCoverage struct {
	Line int    // from 1
	Hits uint64 // how often it did
}

// DecisionCoverage is how often a condition was true, and how often false.
type DecisionCoverage struct {
	Line        int    // of the condition, from 1
	Kind        string // "if", "while", "until", "and" or "or"
	True, False uint64 // how often it was either
}

// coveredFile has two counts for each point: of a statement the second is not used.
type coveredFile struct {
	name, path, text string
	points           []syntax.Point
	counts           []atomic.Uint64
	count            *lua.LFunction
}

// compile compiles a file so that what runs of it is counted.
func (c *Coverage) compile(text, name, path string) (*lua.FunctionProto, error) {
	proto, points, err := syntax.CompileCovered(text, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[path]
	if f == nil || f.text != text { // a file that was changed is counted again
		f = &coveredFile{name: name, path: path, text: text, points: points, counts: make([]atomic.Uint64, 2*len(points))}
		f.count = &lua.LFunction{IsG: true, GFunction: f.counted}
		if c.files == nil {
			c.files = map[string]*coveredFile{}
		}
		c.files[path] = f
	}
	syntax.Plant(proto, f.count)
	return proto, nil
}

// counted is called by the compiled code.
func (f *coveredFile) counted(l *lua.LState) int {
	n := 2 * int(l.Get(1).(lua.LNumber))
	if f.points[n/2].Kind == syntax.Statement {
		f.counts[n].Add(1)
		return 0
	}
	value := l.Get(2) // of all that a call gave, the first
	if lua.LVIsFalse(value) {
		n++
	}
	f.counts[n].Add(1)
	l.Push(value)
	return 1
}

// Files are the files that were compiled, by name.
func (c *Coverage) Files() []FileCoverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]FileCoverage, 0, len(c.files))
	for _, path := range sortedKeys(c.files) {
		list = append(list, c.files[path].result())
	}
	slices.SortStableFunc(list, func(a, b FileCoverage) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (f *coveredFile) result() FileCoverage {
	r := FileCoverage{Name: f.name, Path: f.path}
	lines := map[int]uint64{}
	for i, p := range f.points {
		first, second := f.counts[2*i].Load(), f.counts[2*i+1].Load()
		if p.Kind == syntax.Statement {
			lines[p.Line] = max(lines[p.Line], first)
			continue
		}
		r.Decisions = append(r.Decisions, DecisionCoverage{Line: p.Line, Kind: p.Kind.String(), True: first, False: second})
	}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		r.Lines = append(r.Lines, LineCoverage{line, lines[line]})
	}
	slices.SortStableFunc(r.Decisions, func(a, b DecisionCoverage) int { return a.Line - b.Line })
	return r
}
