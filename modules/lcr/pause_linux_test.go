package lcr_test

// What lanes notice while a million rates are read.

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipscript/sipscript/modules/internal/breathe"
)

// turn is how often a lane has something to do.
const turn = 200 * time.Microsecond

// gap is what passes between two turns of a lane: on the clock, and in processor time of the whole
// process. What a lane waits for others in the process can't be more than the second, whatever
// other programs do on the machine.
type gap struct{ wall, cpu time.Duration }

// processTime is the processor time of the process.
func processTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// lane notes gaps until stop is set: it is woken by the kernel every turn, as by the network.
func lane(t testing.TB, stop *atomic.Bool) (gaps []gap) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		t.Error(err)
		return nil
	}
	f := os.NewFile(uintptr(fd), "timer")
	defer f.Close()
	each := unix.NsecToTimespec(turn.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		t.Error(err)
		return nil
	}
	gaps = make([]gap, 0, 1<<18)
	var fired [8]byte
	wall, cpu := time.Now(), processTime()
	for !stop.Load() && len(gaps) < cap(gaps) {
		if _, err := f.Read(fired[:]); err != nil {
			t.Error(err)
			return gaps
		}
		now, used := time.Now(), processTime()
		gaps = append(gaps, gap{now.Sub(wall), used - cpu})
		wall, cpu = now, used
	}
	return gaps
}

// lanes has two lanes run while something happens.
func lanes(t testing.TB, happen func()) (all []gap) {
	var stop atomic.Bool
	var both [2][]gap
	var waits sync.WaitGroup
	for i := range both {
		waits.Go(func() { both[i] = lane(t, &stop) })
	}
	happen()
	stop.Store(true)
	waits.Wait()
	return slices.Concat(both[:]...)
}

// How long two lanes wait for their turn: while nothing else happens, while another program has
// work to do, while a goroutine has that does nothing else and pauses as a reload does, and while a
// million rates are read again and again. Only what the last adds to the one before is the
// reload's.
func BenchmarkPause(b *testing.B) {
	path := sheet(b, 1_000_000)
	w := world(b, path)
	second := func(*testing.B) { time.Sleep(time.Second) }
	for _, c := range []struct {
		name   string
		happen func(b *testing.B)
	}{
		{"quiet", second},
		{"beside another program", func(b *testing.B) {
			ctx, stop := context.WithTimeout(context.Background(), time.Second)
			defer stop()
			_ = exec.CommandContext(ctx, "sh", "-c", "while :; do :; done").Run()
		}},
		{"beside plain work in steps", func(*testing.B) {
			for start := time.Now(); time.Since(start) < time.Second; breathe.Every(1, 0) {
				for step := time.Now(); time.Since(step) < 300*time.Microsecond; {
				}
			}
		}},
		{"reloading", func(b *testing.B) {
			if out, err := w.Eval(`return lcr.reload()`); err != nil || out[0] != true {
				b.Fatal(out, err)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			all := lanes(b, func() {
				for b.Loop() {
					c.happen(b)
				}
			})
			report := func(what string, of func(g gap) time.Duration) {
				list := make([]time.Duration, len(all))
				for i, g := range all {
					list[i] = of(g)
				}
				slices.Sort(list)
				ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
				b.ReportMetric(ms(list[len(list)*999/1000]), what+"-p99.9-ms")
				b.ReportMetric(ms(list[len(list)-1]), what+"-max-ms")
			}
			report("wall", func(g gap) time.Duration { return g.wall })
			report("cpu", func(g gap) time.Duration { return g.cpu })
		})
	}
}
