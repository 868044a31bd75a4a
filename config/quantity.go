package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Percentages, sizes and durations: text to number exactly, and back. No floating point
// takes part, so what was written is what is compared.

// ppmPerPercent is the number of parts per million in one percent.
const ppmPerPercent = 10_000

// parsePercent reads decimal text ("5", "0.0001", "100") as parts per million. Exact: more
// than four decimals (other than zeros) are refused, never rounded.
func parsePercent(s string) (uint32, *problem) {
	whole, frac, dotted := strings.Cut(s, ".")
	if !digits(whole) || dotted && !digits(frac) {
		fix := "write a plain decimal number from 0 to 100, such as 5 or 0.25"
		if t := strings.TrimSpace(strings.TrimSuffix(s, "%")); t != s {
			if _, p := parsePercent(t); p == nil {
				fix = "write " + t + ", without the sign"
			}
		}
		if strings.HasPrefix(s, "-") {
			return 0, &problem{What: "percent " + quoted(s) + " is below 0", Fix: "give 0 to 100; 0 switches the rule off"}
		}
		return 0, &problem{What: quoted(s) + " is not a percentage", Fix: fix}
	}
	if len(whole) > 1 && whole[0] == '0' {
		return 0, &problem{
			What: quoted(s) + " is not a percentage",
			Why:  "a leading zero makes some readers of YAML take the number as octal",
			Fix:  "drop the leading zero",
		}
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > 4 {
		return 0, &problem{
			What: "percent " + quoted(s) + " is finer than 0.0001",
			Why:  "a bucket is one part in a million, 0.0001 %",
			Fix:  "round it to four decimals",
		}
	}
	w, err := strconv.ParseUint(whole, 10, 32)
	f, _ := strconv.ParseUint((frac + "0000")[:4], 10, 32) // at most four digits: cannot fail
	if ppm := w*ppmPerPercent + f; err == nil && w <= 100 && ppm <= 100*ppmPerPercent {
		return uint32(ppm), nil
	}
	return 0, &problem{What: "percent " + quoted(s) + " is above 100", Fix: "give 0 to 100"}
}

// formatPercent is the shortest text that parsePercent reads as ppm.
func formatPercent(ppm uint32) string {
	s := fmt.Sprintf("%d.%04d", ppm/ppmPerPercent, ppm%ppmPerPercent)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// sizeUnits, largest first: binary before decimal where both are near, since that is how
// sizes are printed.
var sizeUnits = []struct {
	name string
	size int64
}{
	{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// parseSize reads "32KiB", "10MB", "512B" or plain bytes ("512").
func parseSize(s string) (int64, *problem) {
	n := len(s) - len(strings.TrimLeft(s, "0123456789"))
	number, unit := s[:n], strings.TrimSpace(s[n:])
	bad := &problem{What: quoted(s) + " is not a size", Fix: "write a whole number and a unit: B, KB, KiB, MB, MiB, GB or GiB, such as 32KiB"}
	if n == 0 {
		return 0, bad
	}
	if len(number) > 1 && number[0] == '0' {
		bad.Fix = "drop the leading zero"
		return 0, bad
	}
	factor := int64(1)
	if unit != "" {
		factor = 0
		for _, u := range sizeUnits {
			if u.name == unit {
				factor = u.size
			}
		}
		if factor == 0 {
			bad.Fix = sizeHint(number, unit, bad.Fix)
			return 0, bad
		}
		if len(unit) != len(s[n:]) {
			bad.Fix = "write " + number + unit + ", without the space"
			return 0, bad
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v > math.MaxInt64/factor {
		return 0, &problem{What: "size " + quoted(s) + " is too large to count", Fix: "write less"}
	}
	return v * factor, nil
}

// sizeHint names the units that a near miss may have meant: case matters, and so does the i.
func sizeHint(number, unit, otherwise string) string {
	first := strings.ToUpper(unit[:1])
	if len(unit) > 3 || !strings.Contains("KMG", first) {
		return otherwise
	}
	return fmt.Sprintf("write %s%siB (steps of 1024) or %s%sB (steps of 1000)", number, first, number, first)
}

// formatSize is the size in the largest unit that gives a whole number.
func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.size && n%u.size == 0 {
			if u.size == 1 {
				break
			}
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseDuration reads Go's syntax: "300ms", "10s", "1m30s".
func parseDuration(s string) (time.Duration, *problem) {
	d, err := time.ParseDuration(s)
	switch {
	case err == nil:
		return d, nil
	case digits(s):
		return 0, &problem{What: "duration " + quoted(s) + " has no unit", Fix: "write " + s + "s for seconds, " + s + "ms for milliseconds"}
	}
	return 0, &problem{What: quoted(s) + " is not a duration", Fix: "write numbers with units h, m, s, ms, such as 10s or 1m30s"}
}

// formatDuration is the duration in one unit if that gives a whole number, as Go prints it otherwise.
func formatDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d != 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0 && d > 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	case d%time.Millisecond == 0:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	}
	return d.String()
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
