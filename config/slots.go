package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"graygate/match"
)

// Slots and moments: text to value exactly, and back.

// parseSlots reads a range of a layer's slots: "0-499", both ends included, or one slot: "7".
func parseSlots(s string) (match.SlotRange, *problem) {
	first, last, dashed := strings.Cut(s, "-")
	if !dashed {
		last = first
	}
	bad := &problem{What: quoted(s) + " is not a range of slots", Fix: fmt.Sprintf("write a number or FIRST-LAST, of 0 to %d, such as 0-499", match.Slots-1)}
	if !plainNumber(first) || !plainNumber(last) {
		if t := strings.NewReplacer(" ", "", "..", "-", "–", "-", ":", "-").Replace(s); t != s {
			if _, p := parseSlots(t); p == nil {
				bad.Fix = "write " + t
			}
		}
		return match.SlotRange{}, bad
	}
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	switch {
	case err1 != nil || err2 != nil || a >= match.Slots || b >= match.Slots:
		return match.SlotRange{}, &problem{What: "slots " + quoted(s) + " are beyond the last one", Fix: fmt.Sprintf("give 0 to %d", match.Slots-1)}
	case a > b:
		return match.SlotRange{}, &problem{What: "slots " + quoted(s) + " end before they begin", Fix: fmt.Sprintf("write %d-%d", b, a)}
	}
	return match.SlotRange{First: a, Last: b}, nil
}

// formatSlots is the shortest text that parseSlots reads as r.
func formatSlots(r match.SlotRange) string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// parseMoment reads a time with its zone (RFC 3339), or a day, which is its first moment in UTC.
func parseMoment(s string) (time.Time, *problem) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		p := &problem{What: quoted(s) + " is not a time", Fix: "write a day such as 2026-12-24, or a time with its zone such as 2026-12-24T18:00:00Z"}
		for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05Z07:00"} {
			if near, err := time.Parse(layout, s); err == nil {
				zone := near.Format("Z07:00")
				p.Fix = "write " + near.Format("2006-01-02T15:04:05") + zone
				if !strings.Contains(layout, "Z") {
					p.Fix += ", or the offset of the zone that is meant, such as +01:00"
				}
			}
		}
		return time.Time{}, p
	}
	t = t.UTC()
	if t.Before(MinMoment) || !t.Before(MaxMoment) {
		return time.Time{}, &problem{What: "the time " + quoted(s) + " is out of range", Fix: fmt.Sprintf("give the years %d to %d", MinMoment.Year(), MaxMoment.Year()-1)}
	}
	return t, nil
}

// formatMoment is the text that parseMoment reads as t.
func formatMoment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
