package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/fstest"
	"time"
)

func TestMemTotal(t *testing.T) {
	if n := memTotal("MemTotal:       24675000 kB\nMemFree:  1 kB\n"); n != 24675000*1024 {
		t.Error(n)
	}
	if n := memTotal("nothing"); n != 0 {
		t.Error(n)
	}
	if n := machineMemory(); n < 0 {
		t.Error(n)
	}
}

// What bounds the process is found under either version of control groups, in a container, and in a
// unit of systemd.
func TestLeastMemory(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing":      {nil, 0},
		"the machine":  {map[string]string{"proc/meminfo": "MemTotal: 2048 kB\n"}, 2 * mib},
		"a container":  {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1048576\n", "proc/meminfo": "MemTotal: 2048 kB\n"}, mib},
		"no limit":     {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "proc/meminfo": "MemTotal: 2048 kB\n"}, 2 * mib},
		"a unit":       {map[string]string{"proc/self/cgroup": "0::/system.slice/sip.service\n", "sys/fs/cgroup/system.slice/sip.service/memory.max": "1048576\n"}, mib},
		"a unit's own": {map[string]string{"proc/self/cgroup": "0::/system.slice/sip.service\n", "sys/fs/cgroup/system.slice/sip.service/memory.high": "1048576\n"}, mib},
		"a slice":      {map[string]string{"proc/self/cgroup": "0::/a.slice/b.service\n", "sys/fs/cgroup/a.slice/memory.max": "1048576\n", "sys/fs/cgroup/a.slice/b.service/memory.max": "max\n"}, mib},
		"version 1": {map[string]string{"proc/self/cgroup": "5:cpu,cpuacct:/x\n9:memory:/docker/abc\n", "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "1048576\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "proc/meminfo": "MemTotal: 2048 kB\n"}, mib},
		"version 1 in a container": {map[string]string{"proc/self/cgroup": "9:memory:/docker/abc\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n"}, mib},
		"both versions":            {map[string]string{"proc/self/cgroup": "9:memory:/x\n0::/y\n", "sys/fs/cgroup/unified/y/memory.max": "1048576\n"}, mib},
		"nonsense":                 {map[string]string{"proc/self/cgroup": "::\n0::relative\nx\n", "sys/fs/cgroup/memory.max": "many\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, text := range c.files {
				root[path] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := leastMemory(root); got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		})
	}
}

// The operator's GOGC holds; without it the command sets its own, and more while little is live.
func TestCollectorIsSet(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer debug.SetGCPercent(debug.SetGCPercent(123))
	percent := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	tuneMemory(func(name string) (string, bool) { return "123", name == "GOGC" })()
	if n := percent(); n != 123 {
		t.Errorf("%d in place of the operator's 123", n)
	}
	stop := tuneMemory(func(string) (string, bool) { return "", false })
	defer stop()
	for deadline := time.Now().Add(20 * time.Second); percent() <= gcPercent; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d, with hardly anything live", percent())
		}
	}
}
