package measure

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Stat is what the benchmarks need of /proc/PID/stat (proc(5)). The ticks are of the whole process,
// its ended threads included, in units of 1/100 s on every Linux.
type Stat struct {
	PID, Parent int
	Name        string
	UserTicks   uint64
	SystemTicks uint64
}

// ParseStat reads the one line of /proc/PID/stat. The name stands in parentheses and may itself hold
// spaces and parentheses, so that the fields after it are counted from the last closing one.
func ParseStat(line string) (Stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("stat line without a name in parentheses: %q", line)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[:open]))
	if err != nil {
		return Stat{}, fmt.Errorf("stat line's process id: %w", err)
	}
	// After the name: state, ppid (field 4), ..., utime (field 14), stime (field 15).
	rest := strings.Fields(line[end+1:])
	if len(rest) < 13 {
		return Stat{}, fmt.Errorf("stat line of %d fields after the name, at least 13 wanted", len(rest))
	}
	parent, err1 := strconv.Atoi(rest[1])
	user, err2 := strconv.ParseUint(rest[11], 10, 64)
	system, err3 := strconv.ParseUint(rest[12], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Stat{}, fmt.Errorf("stat line's figures: %w", err)
	}
	return Stat{PID: pid, Parent: parent, Name: line[open+1 : end], UserTicks: user, SystemTicks: system}, nil
}

// ParseRSS reads VmRSS out of /proc/PID/status, in bytes. A process that is ending has no such line:
// that is an error.
func ParseRSS(status string) (int64, error) {
	for line := range strings.Lines(status) {
		value, found := strings.CutPrefix(line, "VmRSS:")
		if !found {
			continue
		}
		kib, isKiB := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseInt(strings.TrimSpace(kib), 10, 64)
		if err != nil || !isKiB {
			return 0, fmt.Errorf("VmRSS is not a number of kB: %q", strings.TrimSpace(value))
		}
		return n << 10, nil
	}
	return 0, errors.New("no VmRSS in the status")
}

// ParseCoreBusy reads out of /proc/stat how many ticks of 1/100 s these cores have been busy since the machine
// started, whoever kept them so: all but idle and waiting for input and output (fields 4 and 5), stolen time included.
// Guests' time is within the user time already.
func ParseCoreBusy(stat string, cores []int) (uint64, error) {
	var busy uint64
	found := 0
	for line := range strings.Lines(stat) {
		words := strings.Fields(line)
		if len(words) < 9 || !slices.ContainsFunc(cores, func(core int) bool { return words[0] == "cpu"+strconv.Itoa(core) }) {
			continue
		}
		for i, word := range words[1:9] {
			ticks, err := strconv.ParseUint(word, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s of /proc/stat: %w", words[0], err)
			}
			if i != 3 && i != 4 {
				busy += ticks
			}
		}
		found++
	}
	if found != len(cores) {
		return 0, fmt.Errorf("/proc/stat has %d of the cores %v", found, cores)
	}
	return busy, nil
}

// CPU is processor time spent. User and System add up to Total.
type CPU struct {
	User, System, Total time.Duration
}

// SplitCPU divides an exact total by the ticks counted in user and in kernel mode. Ticks are samples,
// 100 in a second, so the split is good to about 1 % over a few busy seconds; the total is exact.
// Without a single tick the split is not known and both parts are 0.
func SplitCPU(total time.Duration, userTicks, systemTicks uint64) CPU {
	cpu := CPU{Total: total}
	if all := userTicks + systemTicks; all > 0 {
		cpu.User = time.Duration(float64(total) * float64(userTicks) / float64(all))
		cpu.System = total - cpu.User
	}
	return cpu
}

// Micros is d in microseconds, shared by n requests.
func Micros(d time.Duration, n int64) float64 {
	return Per(float64(d)/float64(time.Microsecond), n)
}
