package measure

import (
	"strings"
	"testing"
	"time"
)

// wrkReport is wrk 4.1.0's own words.
const wrkReport = `Running 1s test @ http://127.0.0.1:18999/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    67.70us   76.47us   1.63ms   96.49%
    Req/Sec    58.94k     9.64k   74.92k    50.00%
  Latency Distribution
     50%   51.00us
     75%   69.00us
     90%  105.00us
     99%    1.27ms
  58468 requests in 1.00s, 8.31MB read
Requests/sec:  58425.76
Transfer/sec:      8.30MB
`

func TestParseWrk(t *testing.T) {
	f := func(report string, want Wrk) {
		t.Helper()
		got, err := ParseWrk(report)
		if err != nil || got != want {
			t.Errorf("ParseWrk(%q) = %+v, %v, want %+v", report, got, err, want)
		}
	}
	plain := Wrk{Requests: 58468, Took: time.Second, PerSecond: 58425.76, P50: 51 * time.Microsecond, P99: 1270 * time.Microsecond}
	f(wrkReport, plain)

	bad := plain
	bad.Connect, bad.Read, bad.Write, bad.Timeout, bad.BadStatus = 1, 22, 3, 44, 9117
	f(strings.Replace(wrkReport, "Requests/sec:",
		"  Socket errors: connect 1, read 22, write 3, timeout 44\n  Non-2xx or 3xx responses: 9117\nRequests/sec:", 1), bad)
	if got, want := bad.Errors(), int64(1+22+3+44+9117); got != want {
		t.Errorf("%+v has %d errors, want %d", bad, got, want)
	}

	long := plain
	long.Took, long.P99 = 90*time.Second, 2*time.Second
	f(strings.NewReplacer("in 1.00s", "in 1.50m", "1.27ms", "2.00s").Replace(wrkReport), long)
}

func TestParseWrkRefuses(t *testing.T) {
	f := func(report, want string) {
		t.Helper()
		got, err := ParseWrk(report)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseWrk(%q) = %+v, %v, want an error with %q", report, got, err, want)
		}
	}
	f("", "not whole")
	f("unable to connect to 127.0.0.1:18999 Connection refused\n", "not whole")
	// Every one of the parts that the figures come from is needed.
	for _, part := range []string{"50%   51.00us", "99%    1.27ms", "58468 requests in 1.00s, 8.31MB read", "Requests/sec:  58425.76"} {
		f(strings.Replace(wrkReport, part, "", 1), "not whole")
	}
	f(strings.Replace(wrkReport, "51.00us", "51.00ns", 1), `unknown unit of time "ns"`)
	f(strings.Replace(wrkReport, "51.00us", "us", 1), `"50%   us"`)
	f(strings.Replace(wrkReport, "58468 requests", "99999999999999999999 requests", 1), "out of range")
	f(wrkReport+"  Socket errors: connect 1, read x\n", "Socket errors")
}
