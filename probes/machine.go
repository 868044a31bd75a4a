package probes

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine reads how busy this machine is, or the control groups that this process is in where they are bounded: /proc/stat,
// /proc/meminfo, /proc/loadavg, and cpu and memory of control groups, version 2 or 1. It is used by one goroutine.
//
// The run queue is the count of running tasks in /proc/loadavg. Pressure (/proc/pressure/cpu) would tell how long
// tasks wait, and for a control group too, but it says 100 % as soon as one task always waits, be it one or a hundred; several
// distributions have it switched off; and "tasks per core" is what people know. Goroutines that wait for a thread are in
// neither: a gateway by itself shows as CPU.
type machine struct {
	root                   string
	stat, loadavg, meminfo *file
	levels                 []*level // control groups, ours first
	allowed                unix.CPUSet
	partly                 bool    // this process may not run on all cores: only those of allowed count
	cores                  float64 // of the machine

	busy, total float64 // by /proc/stat, at the last sample, in jiffies
	memTotal    float64 // bytes
	seen        time.Time
	samples     int
	last        readings
}

// level is one control group with what bounds it. A file that is not there is nil, a bound that is not there 0.
type level struct {
	memory, memoryMax, memoryStat *file // bytes
	inactive                      string
	usage, quota, period          *file   // of CPU
	usageField                    string  // in usage; "": the number is all there is
	usageUnit                     float64 // seconds

	max, cache float64 // bytes
	share      float64 // cores
	used       float64 // seconds of CPU at the last sample; -1: there was none
}

// openMachine opens what is there below root. The error tells what is not; the machine is usable nevertheless.
func openMachine(root string) (*machine, error) {
	m := &machine{root: root}
	var faults [3]error
	m.stat, faults[0] = open(filepath.Join(root, "proc/stat"))
	m.meminfo, faults[1] = open(filepath.Join(root, "proc/meminfo"))
	m.loadavg, faults[2] = open(filepath.Join(root, "proc/loadavg"))
	for line := range strings.Lines(string(m.stat.read())) {
		if strings.HasPrefix(line, "cpu") && !strings.HasPrefix(line, "cpu ") {
			m.cores++
		}
	}
	m.cores = max(m.cores, 1)
	if unix.SchedGetaffinity(0, &m.allowed) == nil {
		n := m.allowed.Count()
		m.partly = n > 0 && float64(n) < m.cores
	}
	m.openGroups()
	return m, errors.Join(faults[:]...)
}

// openGroups finds the control groups by /proc/self/cgroup, from ours up to the root: any of them may be bounded. In a
// container the path may be that of the host, and the files those of the root.
func (m *machine) openGroups() {
	self, _ := os.ReadFile(filepath.Join(m.root, "proc/self/cgroup"))
	for line := range strings.Lines(string(self)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		controllers := strings.Split(parts[1], ",")
		for dir, n := path.Clean("/"+parts[2]), 0; n < maxLevels; dir, n = path.Dir(dir), n+1 {
			for _, controller := range controllers {
				m.openLevel(controller, dir)
			}
			if dir == "/" {
				break
			}
		}
	}
}

// openLevel opens the files of one controller in one group; "" is version 2, which has all of them.
func (m *machine) openLevel(controller, dir string) {
	base := filepath.Join(m.root, "sys/fs/cgroup", controller, dir)
	in := func(name string) *file {
		f, _ := open(filepath.Join(base, name))
		return f
	}
	l := &level{used: -1}
	switch controller {
	case "":
		l.memory, l.memoryMax, l.memoryStat, l.inactive = in("memory.current"), in("memory.max"), in("memory.stat"), "inactive_file"
		l.usage, l.usageField, l.usageUnit, l.quota = in("cpu.stat"), "usage_usec", 1e-6, in("cpu.max")
	case "memory":
		l.memory, l.memoryMax, l.memoryStat, l.inactive = in("memory.usage_in_bytes"), in("memory.limit_in_bytes"), in("memory.stat"), "total_inactive_file"
	case "cpu": // its usage is counted by another controller
		base = filepath.Join(m.root, "sys/fs/cgroup/cpuacct", dir)
		l.usage, l.usageUnit = in("cpuacct.usage"), 1e-9
		base = filepath.Join(m.root, "sys/fs/cgroup/cpu", dir)
		l.quota, l.period = in("cpu.cfs_quota_us"), in("cpu.cfs_period_us")
	default:
		return
	}
	if l.memory == nil && (l.usage == nil || l.quota == nil) {
		l.close()
		return
	}
	m.levels = append(m.levels, l)
}

// read takes a sample. The first has no CPU, which is a difference between two.
func (m *machine) read(now time.Time) readings {
	elapsed := now.Sub(m.seen).Seconds()
	if m.samples%slowSamples == 0 {
		for _, l := range m.levels {
			l.bounds()
		}
	}
	r := m.last
	if cpu, is := m.cpu(); is {
		r.cpu = cpu
	}
	r.memory = m.mem()
	r.queue = m.queue()
	for _, l := range m.levels {
		if m.samples == 0 {
			elapsed = 0
		}
		r.cpu = max(r.cpu, l.cpuShare(elapsed))
		r.memory = max(r.memory, l.memoryShare(m.memTotal))
	}
	m.seen = now
	m.samples++
	m.last = r
	return r
}

// cpu is the share of the cores' time since the last sample that was not idle. Time that a hypervisor took is busy: it
// cannot be used either. false: no jiffy has passed.
func (m *machine) cpu() (float64, bool) {
	var busy, total float64
	text := m.stat.read()
	for len(text) > 0 {
		var line []byte
		line, text = cut(text, '\n')
		name, rest := cut(line, ' ')
		if len(name) < 3 || string(name[:3]) != "cpu" {
			break // those of the cores come first
		}
		if whole := len(name) == 3; whole == m.partly || !whole && !m.allowed.IsSet(int(number(name[3:]))) {
			continue
		}
		for i := 0; i < 8 && len(rest) > 0; i++ { // guest time is in user time already
			var field []byte
			field, rest = cut(trim(rest), ' ')
			v := number(field)
			total += v
			if i != 3 && i != 4 { // idle, iowait
				busy += v
			}
		}
		if !m.partly {
			break
		}
	}
	db, dt := busy-m.busy, total-m.total
	if dt <= 0 {
		return 0, false
	}
	first := m.total == 0
	m.busy, m.total = busy, total
	if first {
		return 0, false
	}
	return min(max(db/dt, 0), 1), true
}

// mem is the share of the machine's memory that is not available.
func (m *machine) mem() float64 {
	text := m.meminfo.read()
	total, available := 1024*labelled(text, "MemTotal:"), 1024*labelled(text, "MemAvailable:")
	m.memTotal = total
	if total <= 0 {
		return 0
	}
	return min(max(1-available/total, 0), 1)
}

// queue is the number of tasks that run or wait for a core, per core of the machine. The reader itself is not counted.
func (m *machine) queue() float64 {
	text := m.loadavg.read()
	for range 3 {
		_, text = cut(text, ' ')
	}
	running, _ := cut(text, '/')
	return max(number(running)-1, 0) / m.cores
}

func (m *machine) close() {
	m.stat.close()
	m.meminfo.close()
	m.loadavg.close()
	for _, l := range m.levels {
		l.close()
	}
}

// bounds reads what seldom changes.
func (l *level) bounds() {
	l.max = number(trim(l.memoryMax.read())) // "max" is no number, so 0
	l.cache = labelled(l.memoryStat.read(), l.inactive)
	quota, period := cut(trim(l.quota.read()), ' ')
	if l.period != nil {
		period = trim(l.period.read())
	}
	l.share = 0
	if per := number(trim(period)); per > 0 {
		l.share = number(trim(quota)) / per // -1 and "max" are none
	}
}

// cpuShare is the share of the group's quota used in the time since the last sample, 0 without a quota.
func (l *level) cpuShare(elapsed float64) float64 {
	if l.share <= 0 {
		l.used = -1
		return 0
	}
	text := l.usage.read()
	var used float64
	if l.usageField == "" {
		used = number(trim(text))
	} else {
		used = labelled(text, l.usageField)
	}
	used *= l.usageUnit
	before := l.used
	l.used = used
	if before < 0 || elapsed <= 0 {
		return 0
	}
	return min(max((used-before)/(elapsed*l.share), 0), 1)
}

// memoryShare is the share of the group's bound that is in use, without what the kernel would give up first; 0 without
// a bound, or with one that is no less than the machine's memory.
func (l *level) memoryShare(machine float64) float64 {
	if l.max <= 0 || machine > 0 && l.max >= machine {
		return 0
	}
	return min(max((number(trim(l.memory.read()))-l.cache)/l.max, 0), 1)
}

func (l *level) close() {
	for _, f := range []*file{l.memory, l.memoryMax, l.memoryStat, l.usage, l.quota, l.period} {
		f.close()
	}
}

// file is a file of the kernel's that is read again and again without being opened anew. A nil file is empty.
type file struct {
	file *os.File
	text []byte // scratch
}

func open(name string) (*file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return &file{file: f, text: make([]byte, 1024)}, nil
}

// read gives the text as it is now, valid until the next read; empty if it cannot be read.
func (f *file) read() []byte {
	if f == nil {
		return nil
	}
	for {
		n, err := f.file.ReadAt(f.text, 0)
		if n < len(f.text) || len(f.text) >= maxFileBytes {
			return f.text[:n]
		}
		if err != nil && n == 0 {
			return nil
		}
		f.text = make([]byte, 4*len(f.text)) // longer than ever before
	}
}

func (f *file) close() {
	if f != nil {
		_ = f.file.Close()
	}
}
