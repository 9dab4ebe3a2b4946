package collector

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestWant(t *testing.T) {
	const mib = 1 << 20
	f := floor{percent: 200, least: 64 * mib}
	for _, row := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing", 0, 200}, {"a kilobyte", 1024, most}, {"4 MiB", 4 * mib, 1500}, {"16 MiB", 16 * mib, 300}, {"a third", 64 * mib / 3, 200}, {"a lot", 1024 * mib, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := f.want(row.live); got != row.want {
				t.Errorf("%d, want %d", got, row.want)
			}
		})
	}
}

func gogc() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// The percentage follows what is live, until stop.
func TestFloor(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	stop := Floor(200, 64<<20)
	await := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d", what, gogc())
			}
		}
	}
	await("while little is live", func() bool { return gogc() > 400 })
	live := make([]byte, 100<<20)
	await("while much is live", func() bool { return gogc() == 200 })
	runtime.KeepAlive(live)
	await("little again", func() bool { return gogc() > 400 })
	debug.SetGCPercent(-1)
	for range 5 {
		runtime.GC()
	}
	if n := gogc(); n < most*2 {
		t.Errorf("%d, after somebody switched it off", n)
	}
	stop()
	stop()
	if n := gogc(); n != 200 {
		t.Errorf("%d in the end", n)
	}
}
