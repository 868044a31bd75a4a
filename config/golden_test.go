package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestMistakes reads every testdata/*.txtar: a line of intent, a config, and the whole text that it is refused with.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for i, file := range files {
		if files[i], err = filepath.Abs(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("testdata/files") // what the configs name is there
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			intent, config, want := splitCase(t, string(text))
			_, err = Parse("graygate.yaml", []byte(unescape(config)))
			got := "accepted\n"
			if err != nil {
				var errs Errors
				if !errors.As(err, &errs) {
					t.Fatalf("error is %T, want Errors: %v", err, err)
				}
				got = err.Error() + "\n"
			}
			if *update {
				text := intent + "-- graygate.yaml --\n" + config + "-- errors --\n" + got
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s\n%s\ngot:\n%s\nwant:\n%s", intent, config, got, want)
			}
		})
	}
}

// splitCase takes a golden file apart (the txtar format, with the two files that every case has).
func splitCase(t *testing.T, text string) (intent, config, want string) {
	t.Helper()
	intent, rest, ok := strings.Cut(text, "-- graygate.yaml --\n")
	config, want, ok2 := strings.Cut(rest, "-- errors --\n")
	if !ok || !ok2 || strings.Count(intent, "\n") != 1 {
		t.Fatalf("a case is one line of intent, -- graygate.yaml --, -- errors --:\n%s", text)
	}
	return intent, config, want
}

// unescape puts the characters in that a text file had better not hold.
func unescape(s string) string {
	return strings.NewReplacer("<NUL>", "\x00", "<TAB>", "\t", "<BAD>", "\xff", "<CR>", "\r", "<BOM>", "\ufeff").Replace(s)
}
