package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"graygate/perf/measure"
)

// report is a benchmark's result, as it is written to its file.
type report struct {
	Benchmark   string            `json:"benchmark"`
	Started     time.Time         `json:"started"`
	TookSeconds float64           `json:"took_seconds"`
	Machine     machine           `json:"machine"`
	Options     map[string]string `json:"options"`
	// Rounds are the raw figures, in the order in which they were taken.
	Rounds   any      `json:"rounds,omitempty"`
	Summary  any      `json:"summary,omitempty"`
	Goals    []goal   `json:"goals"`
	Notes    []string `json:"notes,omitempty"`
	Failures []string `json:"failures,omitempty"`
}

// goal is a figure that was promised (kind "goal") or is wished for (kind "aim").
type goal struct {
	Kind     string  `json:"kind"`
	What     string  `json:"what"`
	AtMost   float64 `json:"at_most"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Met      bool    `json:"met"`
}

func (r *report) goal(kind, what string, measured, atMost float64, unit string) {
	r.Goals = append(r.Goals, goal{Kind: kind, What: what, AtMost: atMost, Measured: measured, Unit: unit, Met: measured <= atMost})
}

// fail enters something that did not work; the run goes on as far as it makes sense and exits with 1.
func (r *report) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// finish prints goals, notes and failures and writes the file. Its error is the failures'.
func (r *report) finish(dir string) error {
	r.TookSeconds = time.Since(r.Started).Seconds()
	if len(r.Goals) > 0 {
		table := measure.NewTable("", "measured", "at most", "")
		for _, g := range r.Goals {
			verdict := "met"
			if !g.Met {
				verdict = "MISSED"
			}
			table.Row(g.Kind+": "+g.What, figure(g.Measured)+g.Unit, figure(g.AtMost)+g.Unit, verdict)
		}
		fmt.Printf("\n%s", table)
	}
	for _, note := range r.Notes {
		fmt.Println("note: " + note)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, r.Benchmark+".json")
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Println("written: " + path)
	if len(r.Failures) > 0 {
		return fmt.Errorf("%s", strings.Join(r.Failures, "\n"))
	}
	return nil
}

// figure prints a number with about three digits that matter.
func figure(x float64) string {
	switch abs := max(x, -x); {
	case x == float64(int64(x)) && abs < 1e9:
		return fmt.Sprintf("%d", int64(x))
	case abs >= 100:
		return fmt.Sprintf("%.0f", x)
	case abs >= 10:
		return fmt.Sprintf("%.1f", x)
	case abs >= 0.1:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.4f", x)
	}
}
