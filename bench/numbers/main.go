//go:build unix

// Command numbers measures a million prefixes here and in Kamailio's mtree, the same ones in one
// run: memory, and the processor time of a lookup.
//
//	go run ./bench/numbers [-prefixes 1000000] [-lookups 1000000] [-rounds 3]
//	go run ./bench/numbers -reload
//
// Kamailio reads them by db_text. Its lookups are a loop in its script, less the same loop without
// them; its memory is what mtree says that its tree takes. With -reload it measures instead how
// long callers wait for lanes while as many rates are read from a file again.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/modules/dialplan"
)

func main() {
	if os.Getenv(workVariable) != "" {
		work()
	}
	count := flag.Int("prefixes", 1_000_000, "how many prefixes")
	lookups := flag.Int("lookups", 1_000_000, "how many lookups a round")
	rounds := flag.Int("rounds", 3, "rounds, whose median counts")
	reload := flag.Bool("reload", false, "measure what callers notice of a reload")
	flag.Parse()
	if *reload {
		if err := measureReload(*count, *rounds); err != nil {
			fmt.Fprintln(os.Stderr, "numbers:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*count, *lookups, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "numbers:", err)
		os.Exit(1)
	}
}

// figures are those of one program.
type figures struct {
	bytes  float64 // of a prefix
	lookup time.Duration
}

func run(count, lookups, rounds int) error {
	prefixes := random(count)
	ours, err := measureOurs(prefixes, lookups, rounds)
	if err != nil {
		return err
	}
	kamailio, err := measureKamailio(prefixes, lookups, rounds)
	if err != nil {
		return fmt.Errorf("kamailio: %w", err)
	}
	fmt.Printf("| | bytes a prefix | ns of processor time a lookup |\n|---|---|---|\n")
	fmt.Printf("| kamailio mtree | %.0f | %d |\n| ours | %.0f | %d |\n", kamailio.bytes, kamailio.lookup.Nanoseconds(), ours.bytes, ours.lookup.Nanoseconds())
	fmt.Printf("| ratio | %.3f | %.2f |\n", ours.bytes/kamailio.bytes, float64(ours.lookup)/float64(kamailio.lookup))
	return nil
}

// random are different prefixes of 6 to 11 digits.
func random(count int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[string]bool, count)
	list := make([]string, 0, count)
	for len(list) < count {
		if p := fmt.Sprint(r.IntN(90_000_000_000) + 10_000_000_000)[:6+r.IntN(6)]; !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

func measureOurs(prefixes []string, lookups, rounds int) (f figures, err error) {
	rules := make([]dialplan.Rule, len(prefixes))
	for i, p := range prefixes {
		rules[i] = dialplan.Rule{Prefix: p, Add: strconv.Itoa(i % 1000)}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	plan, err := dialplan.New(rules)
	if err != nil {
		return f, err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(rules)
	f.bytes = float64(after.HeapAlloc-before.HeapAlloc) / float64(len(prefixes))
	r := rand.New(rand.NewPCG(3, 4))
	numbers := make([]string, 1<<16)
	for i := range numbers {
		numbers[i] = fmt.Sprint(r.IntN(1<<31)) + "11" // as Kamailio's script makes them
	}
	var times []time.Duration
	for range rounds {
		start := cputime.Used()
		for i := range lookups {
			if _, _, err := plan.Translate(numbers[i&0xffff], nil); err != nil {
				return f, err
			}
		}
		times = append(times, (cputime.Used()-start)/time.Duration(lookups))
	}
	f.lookup = median(times)
	return f, nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// config is Kamailio's: its first worker does all and tells what it does.
const config = `#!KAMAILIO
debug=0
log_stderror=yes
listen=udp:127.0.0.1:0
children=1
auto_aliases=no
max_while_loops=2000000000
loadmodule "db_text.so"
loadmodule "mtree.so"
loadmodule "pv.so"
loadmodule "cfgutils.so"
loadmodule "xlog.so"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 0)
modparam("db_text", "db_mode", 1)
modparam("db_text", "file_buffer_size", 65536)
modparam("db_text", "max_result_rows", 4000000)
modparam("mtree", "db_url", "text://DIR")
modparam("mtree", "db_table", "mtree")
modparam("mtree", "mtree", "name=mt;dbtable=mtree;type=0")
modparam("mtree", "pv_value", "$var(value)")
event_route[core:worker-one-init] {
	jsonrpc_exec('{"jsonrpc":"2.0","method":"mtree.summary","id":1}');
	xlog("L_ALERT", "NUMBERS memory $jsonrpl(body)\n");
	$var(round) = 0;
	while ($var(round) < ROUNDS) {
		xlog("L_ALERT", "NUMBERS empty $pp\n");
		$var(i) = 0;
		while ($var(i) < LOOKUPS) {
			$var(n) = "" + $RANDOM + "11";
			$var(i) = $var(i) + 1;
		}
		xlog("L_ALERT", "NUMBERS full $pp\n");
		$var(i) = 0;
		while ($var(i) < LOOKUPS) {
			$var(n) = "" + $RANDOM + "11";
			mt_match("mt", "$var(n)", "0");
			$var(i) = $var(i) + 1;
		}
		xlog("L_ALERT", "NUMBERS pause $pp\n");
		$var(round) = $var(round) + 1;
	}
	xlog("L_ALERT", "NUMBERS end $pp\n");
}
request_route { exit; }
`

func measureKamailio(prefixes []string, lookups, rounds int) (f figures, err error) {
	dir, err := os.MkdirTemp("", "numbers")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	if err := writeTable(dir, prefixes); err != nil {
		return f, err
	}
	path := filepath.Join(dir, "kamailio.cfg")
	text := strings.NewReplacer("DIR", dir, "ROUNDS", strconv.Itoa(rounds), "LOOKUPS", strconv.Itoa(lookups)).Replace(config)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return f, err
	}
	command := exec.Command("kamailio", "-f", path, "-DD", "-E", "-m", "4096", "-M", "512", "-Y", dir)
	out, err := command.StderrPipe()
	if err != nil {
		return f, err
	}
	if err := command.Start(); err != nil {
		return f, err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	return read(bufio.NewScanner(out), len(prefixes), lookups)
}

// writeTable writes the table as db_text reads it.
func writeTable(dir string, prefixes []string) error {
	f, err := os.Create(filepath.Join(dir, "mtree"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "tprefix(string) tvalue(string)")
	for i, p := range prefixes {
		fmt.Fprintf(w, "%s:%d\n", p, i%1000)
	}
	version, err := os.Create(filepath.Join(dir, "version"))
	if err != nil {
		return err
	}
	fmt.Fprint(version, "table_name(string) table_version(int)\nmtree:1\n")
	return errors.Join(w.Flush(), f.Close(), version.Close())
}

var (
	said   = regexp.MustCompile(`NUMBERS (\w+) (\d+)`)
	memory = regexp.MustCompile(`"(?:memsize|mem|memory)[^"]*":\s*"?(\d+)`)
)

// read follows what the script says; at each step it reads the worker's processor time.
func read(lines *bufio.Scanner, prefixes, lookups int) (f figures, err error) {
	var all []string
	var times []time.Duration
	var empty, full time.Duration
	for lines.Scan() {
		all = append(all, lines.Text())
		if n := memory.FindStringSubmatch(lines.Text()); n != nil {
			bytes, err := strconv.ParseFloat(n[1], 64)
			if err != nil {
				return f, err
			}
			f.bytes = bytes / float64(prefixes)
		}
		m := said.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		now, err := used(m[2])
		if err != nil {
			return f, err
		}
		switch m[1] {
		case "empty":
			empty = now
		case "full":
			empty, full = now-empty, now
		case "pause":
			times = append(times, (now-full-empty)/time.Duration(lookups))
		case "end":
			if f.lookup = median(times); f.bytes > 0 {
				return f, nil
			}
		}
	}
	return f, fmt.Errorf("it ended too early:\n%s", strings.Join(all[max(0, len(all)-20):], "\n"))
}

// used is the processor time of a process, from /proc.
func used(pid string) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("what /proc says is too short")
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}
