package probes

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fakeMachine is a folder with the files that a machine is read from.
type fakeMachine struct {
	t    *testing.T
	root string
}

func newFakeMachine(t *testing.T) fakeMachine {
	f := fakeMachine{t, t.TempDir()}
	f.stat(0, 0)
	f.memory(1000, 600)
	f.write("proc/loadavg", "0.50 0.50 0.50 1/300 4242\n")
	return f
}

func (f fakeMachine) write(name, text string) {
	f.t.Helper()
	name = filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// stat writes as many cores as this process may run on, and 1000 lines behind, as large machines have.
func (f fakeMachine) stat(busy, idle int) {
	half := busy / 2
	line := " " + itoa(half) + " 0 " + itoa(busy-half) + " " + itoa(idle) + " 0 0 0 0 77 77\n"
	f.write("proc/stat", "cpu "+line+strings.Repeat("cpu0"+line, cores)+"intr 1"+strings.Repeat(" 0", 10000)+"\n")
}

const cores = 512 // more than any machine allows a process: then the line of all cores is not used

func (f fakeMachine) memory(total, available int) {
	f.write("proc/meminfo", "MemTotal:       "+itoa(total)+" kB\nMemFree:   1 kB\nMemAvailable:   "+itoa(available)+" kB\nBuffers: 3 kB\n")
}

func (f fakeMachine) open() *machine {
	f.t.Helper()
	m, err := openMachine(f.root)
	if err != nil {
		f.t.Fatal(err)
	}
	m.partly = false // as on a machine whose cores are all ours
	f.t.Cleanup(m.close)
	return m
}

func TestMachine(t *testing.T) {
	f := newFakeMachine(t)
	f.stat(1000, 9000)
	m := f.open()
	now := time.Unix(1000, 0)
	row := func(change func(), want readings) {
		t.Helper()
		change()
		now = now.Add(SampleInterval)
		got := m.read(now)
		got = readings{round(got.cpu), round(got.memory), round(got.queue)}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	row(func() {}, readings{0, .4, 0})
	row(func() { f.stat(1015, 9005) }, readings{.75, .4, 0})
	row(func() {}, readings{.75, .4, 0}) // no jiffy has passed
	row(func() { f.stat(1035, 9005); f.memory(1000, 100) }, readings{1, .9, 0})
	row(func() { f.write("proc/loadavg", "0.50 0.50 0.50 1025/300 4242\n") }, readings{1, .9, 2})
	row(func() { f.stat(0, 0) }, readings{1, .9, 2}) // counters that fall back
	row(func() {
		f.write("proc/meminfo", "")
		f.write("proc/loadavg", "garbage")
		f.write("proc/stat", "\xff\n")
	}, readings{1, 0, 0})
}

func TestMachineByCores(t *testing.T) {
	f := newFakeMachine(t)
	text := func(a, b string) { f.write("proc/stat", "cpu 1 1 1 1\ncpu0 "+a+"\ncpu1 "+b+"\ncpu2 9 9 9 9\nintr 1\n") }
	text("100 0 0 100", "100 0 0 100")
	m := f.open()
	m.partly = true
	m.allowed.Zero()
	m.allowed.Set(0)
	m.allowed.Set(1)
	m.read(time.Unix(1, 0))
	text("110 0 0 100", "105 0 0 105 0")
	if got := m.read(time.Unix(2, 0)); round(got.cpu) != .75 {
		t.Errorf("got %+v, want .75 of the two cores that are allowed", got)
	}
}

func TestControlGroups(t *testing.T) {
	row := func(name, self string, files map[string]string, later map[string]string, want readings) {
		t.Run(name, func(t *testing.T) {
			f := newFakeMachine(t)
			f.memory(1<<30/1024, 600<<20/1024) // 1 GiB, 41 % in use
			f.write("proc/self/cgroup", self)
			for file, text := range files {
				f.write("sys/fs/cgroup/"+file, text)
			}
			m := f.open()
			m.read(time.Unix(1, 0))
			for file, text := range later {
				f.write("sys/fs/cgroup/"+file, text)
			}
			got := m.read(time.Unix(2, 0))
			if got = (readings{round(got.cpu), round(got.memory), round(got.queue)}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	const mine = "0::/system.slice/graygate.service\n"
	v2 := func(dir, max, current, inactive, quota, usage string) map[string]string {
		return map[string]string{
			dir + "memory.max": max + "\n", dir + "memory.current": current + "\n", dir + "memory.stat": "anon 5\ninactive_file " + inactive + "\n",
			dir + "cpu.max": quota + "\n", dir + "cpu.stat": "usage_usec " + usage + "\nuser_usec 1\n",
		}
	}
	own := "system.slice/graygate.service/"
	row("version 2", mine, v2(own, "100000000", "95000000", "5000000", "150000 100000", "1000000"),
		map[string]string{own + "cpu.stat": "usage_usec 2200000\n"}, readings{.8, .9, 0})
	row("bounded above us", mine, v2("system.slice/", "100000000", "95000000", "5000000", "200000 100000", "1000000"),
		map[string]string{"system.slice/cpu.stat": "usage_usec 2000000\n"}, readings{.5, .9, 0})
	row("seen from in a container", "0::/../../elsewhere\n", v2("", "100000000", "95000000", "5000000", "50000 100000", "0"),
		map[string]string{"cpu.stat": "usage_usec 700000\n"}, readings{1, .9, 0})
	row("no bounds", mine, v2(own, "max", "95000000", "5000000", "max 100000", "1000000"),
		map[string]string{own + "cpu.stat": "usage_usec 2200000\n"}, readings{0, .41, 0})
	row("a bound beyond the machine", mine, v2(own, "9999999999", "9500000000", "0", "max 100000", "0"), nil, readings{0, .41, 0})
	row("garbage", mine, v2(own, "x", "y", "z", "a b c", "d"), nil, readings{0, .41, 0})
	row("version 1", "4:memory:/a/b\n3:cpuset:/\n2:cpu,cpuacct:/a\n1:name=systemd:/x\n", map[string]string{
		"memory/a/memory.limit_in_bytes": "100000000\n", "memory/a/memory.usage_in_bytes": "85000000\n",
		"memory/a/memory.stat":   "cache 1\ninactive_file 1\ntotal_inactive_file 5000000\n",
		"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "100000\n", "cpuacct/a/cpuacct.usage": "0\n",
		"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n", "cpuacct/cpuacct.usage": "0\n",
	}, map[string]string{"cpuacct/a/cpuacct.usage": "250000000\n", "cpuacct/cpuacct.usage": "99000000000\n"}, readings{.5, .8, 0})
}

func TestThisMachine(t *testing.T) {
	m, err := openMachine("/")
	if err != nil {
		t.Skip(err) // not Linux's /proc
	}
	defer m.close()
	m.read(time.Unix(1, 0))
	for range 1_000_000 { // until the kernel has counted a jiffy
		if r := m.read(time.Unix(2, 0)); r.cpu > 0 && r.memory > 0 && r.memory < 1 && m.cores >= 1 {
			return
		}
	}
	t.Errorf("last sample: %+v of %v cores", m.last, m.cores)
}

func BenchmarkSample(b *testing.B) {
	m, err := openMachine("/")
	if err != nil {
		b.Skip(err)
	}
	defer m.close()
	b.ReportAllocs()
	for b.Loop() {
		m.read(time.Unix(2, 0))
	}
}

func round(v float64) float64 { return math.Round(v*100) / 100 }
