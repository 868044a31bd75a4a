package measure

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Wrk is what one run of `wrk --latency` reported.
type Wrk struct {
	Requests  int64         // answers that were read to their end
	Took      time.Duration // rounded by wrk to 10 ms
	PerSecond float64
	P50, P99  time.Duration
	// Connect, Read, Write and Timeout are socket errors; BadStatus are answers of 400 and more.
	// wrk leaves the lines out when there are none.
	Connect, Read, Write, Timeout, BadStatus int64
}

// Errors is the number of requests that went wrong in any way.
func (w Wrk) Errors() int64 { return w.Connect + w.Read + w.Write + w.Timeout + w.BadStatus }

// ParseWrk reads wrk's report. A report without one of its fixed parts (wrk was ended, or could not
// connect at all) is an error, never a row of zeros.
func ParseWrk(report string) (Wrk, error) {
	var w Wrk
	var haveTotal, haveRate, haveP50, haveP99 bool
	for line := range strings.Lines(report) {
		words := strings.Fields(line)
		var err error
		switch {
		case len(words) == 2 && words[0] == "50%":
			w.P50, err = wrkTime(words[1])
			haveP50 = err == nil
		case len(words) == 2 && words[0] == "99%":
			w.P99, err = wrkTime(words[1])
			haveP99 = err == nil
		case len(words) >= 4 && words[1] == "requests" && words[2] == "in":
			// "  156218 requests in 5.00s, 38.44MB read"
			var errCount error
			w.Requests, errCount = strconv.ParseInt(words[0], 10, 64)
			w.Took, err = wrkTime(strings.TrimSuffix(words[3], ","))
			err = errors.Join(errCount, err)
			haveTotal = err == nil
		case len(words) == 2 && words[0] == "Requests/sec:":
			w.PerSecond, err = strconv.ParseFloat(words[1], 64)
			haveRate = err == nil
		case strings.Contains(line, "Non-2xx or 3xx responses:"):
			w.BadStatus, err = strconv.ParseInt(words[len(words)-1], 10, 64)
		case strings.Contains(line, "Socket errors:"):
			_, err = fmt.Sscanf(strings.TrimSpace(line), "Socket errors: connect %d, read %d, write %d, timeout %d",
				&w.Connect, &w.Read, &w.Write, &w.Timeout)
		}
		if err != nil {
			return Wrk{}, fmt.Errorf("wrk's line %q: %w", strings.TrimSpace(line), err)
		}
	}
	if !haveTotal || !haveRate || !haveP50 || !haveP99 {
		return Wrk{}, fmt.Errorf("wrk's report is not whole: %q", report)
	}
	return w, nil
}

// wrkTime reads a time as wrk prints it, two decimals and a unit: 850.00us, 1.24ms, 2.00s, 1.50m, 1.00h.
func wrkTime(text string) (time.Duration, error) {
	unit := strings.TrimLeft(text, "0123456789.")
	value, err := strconv.ParseFloat(strings.TrimSuffix(text, unit), 64)
	if err != nil {
		return 0, err
	}
	scale, known := map[string]time.Duration{
		"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
	}[unit]
	if !known {
		return 0, fmt.Errorf("unknown unit of time %q", unit)
	}
	return time.Duration(value * float64(scale)), nil
}
