package measure

import (
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " S 41 42 42 0 -1 4194624 1290 0 3 0 812 2207 5 6 20 0 1 0 8812 13400000 1435 18446744073709551615"
	f := func(line string, want Stat) {
		t.Helper()
		got, err := ParseStat(line)
		if err != nil || got != want {
			t.Errorf("ParseStat(%q) = %+v, %v, want %+v", line, got, err, want)
		}
	}
	f("1042 (nginx)"+tail+"\n", Stat{PID: 1042, Parent: 41, Name: "nginx", UserTicks: 812, SystemTicks: 2207})
	// A name may hold whatever a program likes.
	f("7 (a b) S 1 (c)"+tail, Stat{PID: 7, Parent: 41, Name: "a b) S 1 (c", UserTicks: 812, SystemTicks: 2207})
	f("7 ()"+tail, Stat{PID: 7, Parent: 41, UserTicks: 812, SystemTicks: 2207})
}

func TestParseStatRefuses(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		got, err := ParseStat(line)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseStat(%q) = %+v, %v, want an error with %q", line, got, err, want)
		}
	}
	f("", "without a name")
	f("1 nginx S 2", "without a name")
	f(") 1 (", "without a name")
	f("x (nginx) S 1", "process id")
	f("1 (nginx) S 1 2 3", "3 wanted")
	f("1 (nginx) S 1 2 3 4 5 6 7 8 9 10 -4 5", "figures")
}

func TestParseRSS(t *testing.T) {
	f := func(status string, want int64, wantErr string) {
		t.Helper()
		got, err := ParseRSS(status)
		switch {
		case wantErr == "" && (err != nil || got != want):
			t.Errorf("ParseRSS(%q) = %d, %v, want %d", status, got, err, want)
		case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
			t.Errorf("ParseRSS(%q) = %d, %v, want an error with %q", status, got, err, wantErr)
		}
	}
	f("Name:\tnginx\nVmPeak:\t   13400 kB\nVmRSS:\t    5876 kB\nRssAnon:\t  12 kB\n", 5876<<10, "")
	f("Name:\tVmRSS: 1 kB\nVmRSS:\t0 kB\n", 0, "")
	f("Name:\tnginx\nState:\tZ (zombie)\n", 0, "no VmRSS")
	f("VmRSS:\t12 MB\n", 0, "not a number of kB")
	f("VmRSS:\tmany kB\n", 0, "not a number of kB")
}

func TestParseCoreBusy(t *testing.T) {
	const stat = "cpu  100 0 100 900 50 1 2 3 0 0\n" +
		"cpu0 40 1 30 500 20 5 6 7 9 9\n" +
		"cpu1 60 0 70 400 30 0 0 1 0 0\n" +
		"cpu10 1 1 1 1 1 1 1 1 0 0\n" +
		"intr 5 6 7\n"
	f := func(cores []int, want uint64, wantErr string) {
		t.Helper()
		got, err := ParseCoreBusy(stat, cores)
		switch {
		case wantErr == "" && (err != nil || got != want):
			t.Errorf("ParseCoreBusy(%v) = %d, %v, want %d", cores, got, err, want)
		case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
			t.Errorf("ParseCoreBusy(%v) = %d, %v, want an error with %q", cores, got, err, wantErr)
		}
	}
	f([]int{0}, 40+1+30+5+6+7, "")
	f([]int{0, 1}, 89+131, "")
	f([]int{2}, 0, "has 0 of the cores [2]")
}

func TestSplitCPU(t *testing.T) {
	f := func(total time.Duration, user, system uint64, want CPU) {
		t.Helper()
		if got := SplitCPU(total, user, system); got != want {
			t.Errorf("SplitCPU(%s, %d, %d) = %+v, want %+v", total, user, system, got, want)
		}
	}
	f(time.Second, 25, 75, CPU{User: 250 * time.Millisecond, System: 750 * time.Millisecond, Total: time.Second})
	f(time.Second, 0, 3, CPU{System: time.Second, Total: time.Second})
	f(3*time.Millisecond, 0, 0, CPU{Total: 3 * time.Millisecond})
}

func TestMicros(t *testing.T) {
	if got, want := Micros(5*time.Millisecond, 200), 25.0; got != want {
		t.Errorf("Micros(5ms, 200) = %v, want %v", got, want)
	}
}
