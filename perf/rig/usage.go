package rig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"graygate/perf/measure"
)

// Usage is what a process and its descendants have used up to now.
type Usage struct {
	At          time.Time
	CPU         time.Duration // exact, from the scheduler's own clock
	UserTicks   uint64
	SystemTicks uint64
	RSS         int64 // bytes; pages that processes share count once for each
}

// Usage reads what the process and its descendants (nginx's workers) have used.
func (p *Proc) Usage() (Usage, error) {
	if err := p.Check(); err != nil {
		return Usage{}, err
	}
	family, err := family(p.PID())
	if err != nil {
		return Usage{}, err
	}
	u := Usage{At: time.Now()}
	for _, stat := range family {
		spent, err := cpuTime(stat.PID)
		if err != nil {
			return Usage{}, err
		}
		rss, err := residentBytes(stat.PID)
		if err != nil {
			return Usage{}, fmt.Errorf("%s: %w", p.Name, err)
		}
		u.CPU += spent
		u.UserTicks += stat.UserTicks
		u.SystemTicks += stat.SystemTicks
		u.RSS += rss
	}
	return u, nil
}

// RSSReader gives a function that reads the memory of the process and of the descendants that it has now, in bytes. Looking
// for them means to look at every process of the machine, which is too much to do ten times a second.
func (p *Proc) RSSReader() (func() (int64, error), error) {
	family, err := family(p.PID())
	if err != nil {
		return nil, err
	}
	return func() (int64, error) {
		if err := p.Check(); err != nil {
			return 0, err
		}
		var sum int64
		for _, stat := range family {
			rss, err := residentBytes(stat.PID)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", p.Name, err)
			}
			sum += rss
		}
		return sum, nil
	}, nil
}

func residentBytes(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return measure.ParseRSS(string(status))
}

// tick is the unit of the kernel's counts of time, on every Linux that Go runs on.
const tick = time.Second / 100

// CoresBusy is how long these cores together have been busy with anything at all since the machine started. It is
// counted in ticks, so that differences are good to a hundredth of a second or two.
func CoresBusy(cores []int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	ticks, err := measure.ParseCoreBusy(string(text), cores)
	return time.Duration(ticks) * tick, err
}

// Since is the processor time between an earlier reading and this one, and the wall time.
func (u Usage) Since(before Usage) (measure.CPU, time.Duration) {
	return measure.SplitCPU(u.CPU-before.CPU, u.UserTicks-before.UserTicks, u.SystemTicks-before.SystemTicks), u.At.Sub(before.At)
}

// family is the process and all that descend from it.
func family(pid int) ([]measure.Stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]measure.Stat)
	var members []measure.Stat
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended since the folder was listed
		} else if err != nil {
			return nil, err
		}
		stat, err := measure.ParseStat(string(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		children[stat.Parent] = append(children[stat.Parent], stat)
		if stat.PID == pid {
			members = append(members, stat)
		}
	}
	if len(members) == 0 {
		return nil, errors.New("process " + strconv.Itoa(pid) + " is gone")
	}
	for i := 0; i < len(members); i++ {
		members = append(members, children[members[i].PID]...)
	}
	return members, nil
}

// cpuTime is the processor time of all threads of a process, ended ones included, in nanoseconds: its CPU clock
// (clock_getcpuclockid(3), whose numbering is fixed by the kernel's ABI: the complement of the id, shifted, and
// 2 for the scheduler's clock of a process). /proc/PID/schedstat has the first thread only.
func cpuTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	clock := int32(^pid)<<3 | schedulerClock
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}
