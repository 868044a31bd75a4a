package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseShare reads a percentage with its sign ("50%", "0.5%", "125%") as parts per million, exactly: more than four decimals
// (other than zeros) are refused. It may be above 100 %.
func parseShare(s string) (uint32, *problem) {
	number, signed := strings.CutSuffix(s, "%")
	whole, frac, dotted := strings.Cut(number, ".")
	frac = strings.TrimRight(frac, "0")
	w, err := strconv.ParseUint(whole, 10, 16)
	switch {
	case !plainNumber(whole) || dotted && !digits(number[len(whole)+1:]):
		return 0, &problem{What: quoted(s) + " is not a percentage", Fix: "write a plain decimal number and its sign, such as 50%"}
	case !signed:
		return 0, &problem{What: "percentage " + quoted(s) + " has no sign", Fix: "write " + s + "%"}
	case err != nil:
		return 0, &problem{What: "percentage " + quoted(s) + " is too large", Fix: "give less"}
	case len(frac) > 4:
		return 0, &problem{What: "percentage " + quoted(s) + " is finer than 0.0001%", Fix: "round it to four decimals"}
	}
	f, _ := strconv.ParseUint((frac + "0000")[:4], 10, 32) // at most four digits: cannot fail
	return uint32(w*ppmPerPercent + f), nil
}

// parseDecimal reads a plain decimal number: no sign, no exponent.
func parseDecimal(s string) (float64, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if !plainNumber(whole) || dotted && !digits(frac) || len(s) > 20 {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// formatDecimal is the shortest text that parseDecimal reads as v.
func formatDecimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// secondsPerMinute turns a rate a minute into one a second.
const secondsPerMinute = 60

// parseRate reads "100/s" or "6000/m" as a number a second.
func parseRate(s string) (float64, *problem) {
	number, unit, parted := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	p := &problem{What: quoted(s) + " is not a rate", Fix: "write a whole number a second or a minute, such as 100/s or 6000/m"}
	switch {
	case plainNumber(s):
		p.What, p.Fix = "rate "+quoted(s)+" has no unit", "write "+s+"/s for a second, "+s+"/m for a minute"
	case !parted || !plainNumber(number):
	case unit != "s" && unit != "m":
		p.What, p.Fix = "rate "+quoted(s)+" has no unit that is known", "write "+number+"/s for a second, "+number+"/m for a minute"
	case n == 0 && err == nil:
		p.What, p.Fix = "rate "+quoted(s)+" lets nothing through", "give at least 1/m, or delete rate_limit"
	case err != nil || n > MaxRate:
		p.What, p.Fix = "rate "+quoted(s)+" is too high", fmt.Sprintf("give at most %d/%s", MaxRate, unit)
	case unit == "m":
		return float64(n) / secondsPerMinute, nil
	default:
		return float64(n), nil
	}
	return 0, p
}

// formatRate is the rate as parseRate reads it: a second if that is a whole number.
func formatRate(perSecond float64) string {
	if perSecond == math.Trunc(perSecond) {
		return strconv.FormatFloat(perSecond, 'f', 0, 64) + "/s"
	}
	return strconv.FormatFloat(math.Round(perSecond*secondsPerMinute), 'f', 0, 64) + "/m"
}
