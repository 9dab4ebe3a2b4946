// Lua shows what route work costs in scripts, beside Debian's lua5.1: pieces.lua runs in the
// virtual machine of a router, with its budgets and memory limits, and in lua5.1, in turn.
//
//	go run ./bench/lua
//
// It prints a table: microseconds of processor time for each piece once, of a whole process with
// its garbage collector, and of lua5.1; medians of the rounds, and the median of the rounds'
// ratios. Each piece and round has a process of its own in both; ours does the piece as often
// once more before, so that the memory which a server has used for long is not new.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/internal/collector"
	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/luabind"
)

//go:embed pieces.lua
var source string

// names are the pieces, in the order of the table.
var names = []string{"number normalising", "longest prefix", "header lists", "gsub and gmatch", "sort of ten gateways", "JSON",
	"string building", "table of rules", "closures", "check digits"}

// turn is for how many numbers a piece is done in one turn of our VM, as one call of a handler:
// about as long as a script may take before it is late.
const turn = 100

func main() {
	rounds := flag.Int("rounds", 7, "rounds; the median counts")
	times := flag.Int("times", 20000, "how many times each piece is done in a round")
	only := flag.String("only", "", "do only pieces whose name contains one of these, separated by commas")
	lua := flag.String("lua", "lua5.1", "the other interpreter")
	piece := flag.String("piece", "", "be the process that does this piece")
	flag.Parse()
	var err error
	if n := *times / turn * turn; *piece != "" {
		err = do(*piece, n)
	} else {
		err = compare(*rounds, n, *only, *lua)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "lua: %v\n", err)
		os.Exit(1)
	}
}

// spent is the processor time of a piece, in microseconds each time, and its sum.
type spent struct {
	micros float64
	sum    string
}

func compare(rounds, times int, only, lua string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var list []string
	for _, n := range names {
		if slices.ContainsFunc(strings.Split(only, ","), func(part string) bool { return strings.Contains(n, part) }) {
			list = append(list, n)
		}
	}
	ours, theirs := map[string][]float64{}, map[string][]float64{}
	var sums [2][]float64
	for range rounds {
		var sum [2]float64
		for _, n := range list {
			a, err := reported(exec.Command(self, "-piece", n, "-times", strconv.Itoa(times)))
			if err != nil {
				return fmt.Errorf("%s: %w", n, err)
			}
			b, err := byLua(lua, n, times)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", n, lua, err)
			}
			if a.sum != b.sum {
				return fmt.Errorf("%s: ours finds %s, %s finds %s", n, a.sum, lua, b.sum)
			}
			ours[n], theirs[n] = append(ours[n], a.micros), append(theirs[n], b.micros)
			sum[0] += a.micros
			sum[1] += b.micros
		}
		sums[0], sums[1] = append(sums[0], sum[0]), append(sums[1], sum[1])
	}
	fmt.Printf("| piece | %s µs | ours µs | ratio |\n|---|---|---|---|\n", lua)
	for _, n := range list {
		row(n, ours[n], theirs[n])
	}
	row("**sum**", sums[0], sums[1])
	return nil
}

// row prints medians, and that of the ratios.
func row(name string, ours, theirs []float64) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	fmt.Printf("| %s | %.2f | %.2f | %.2f |\n", name, median(theirs), median(ours), median(ratios))
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// do does a piece so many times, and prints what that took.
func do(piece string, times int) error {
	defer collector.Floor(200, 64<<20)() // as the command collects
	runtime.GOMAXPROCS(1)
	v, err := newMachine()
	if err != nil {
		return err
	}
	defer v.stop()
	if _, err := v.work(piece, times); err != nil {
		return err
	}
	s, err := v.work(piece, times)
	if err == nil {
		fmt.Println(s.micros, s.sum)
	}
	return err
}

// machine is a router with one lane.
type machine struct {
	router     *luabind.Router
	lane, back *lane.Lane
}

func newMachine() (*machine, error) {
	clock := lane.NewSystem()
	m := &machine{lane: lane.New(0, lane.Options{Clock: clock}), back: lane.New(1, lane.Options{Clock: clock})}
	var err error
	m.router, err = luabind.NewRouter(luabind.Options{Source: source + "\nfunction route(req) end", Name: "pieces.lua", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return m, m.router.StartLanes([]*lane.Lane{m.lane}, m.back, clock)
}

func (m *machine) stop() {
	m.router.Stop(context.Background())
	m.lane.Stop()
	m.back.Stop()
}

// work does a piece many times. What it leaves to be collected is collected within its time: the
// next piece begins with an empty heap.
func (m *machine) work(name string, times int) (s spent, err error) {
	runtime.GC()
	before := cputime.Used()
	sum := 0
	for first := 1; first <= times; first += turn {
		done := make(chan error, 1)
		m.router.Eval(m.lane, fmt.Sprintf("return work(%q, %d, %d)", name, first, first+turn-1), func(results []any, e error) {
			if e == nil {
				sum = (sum + int(results[0].(float64))) % 1000003
			}
			done <- e
		})
		if err := <-done; err != nil {
			return s, err
		}
	}
	return spent{float64(cputime.Used()-before) / 1e3 / float64(times), strconv.Itoa(sum)}, nil
}

// byLua is work in the other interpreter, which measures its own time.
func byLua(lua, name string, times int) (s spent, err error) {
	cmd := exec.Command(lua, "-")
	cmd.Stdin = strings.NewReader(source + fmt.Sprintf(`
local before = os.clock()
local sum = work(%q, 1, %d)
print((os.clock() - before) * 1e6 / %[2]d, sum)`, name, times))
	return reported(cmd)
}

// reported runs a process that prints microseconds and a sum.
func reported(cmd *exec.Cmd) (s spent, err error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("%w: %s", err, out)
	}
	fields := strings.Fields(string(out))
	if len(fields) != 2 {
		return s, fmt.Errorf("it says %q", out)
	}
	s.sum = fields[1]
	s.micros, err = strconv.ParseFloat(fields[0], 64)
	return s, err
}
