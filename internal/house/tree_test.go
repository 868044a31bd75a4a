package house

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository, seen from this package's folder, where `go test` runs it.
const root = "../.."

// textFile is a file of the repository that people read.
type textFile struct {
	path string // slash-separated, from the root
	text string
}

// readTree gives every text file of the repository, in order of their paths.
func readTree(t *testing.T) []textFile {
	t.Helper()
	var files []textFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		if d.IsDir() {
			if slices.Contains(notOurs, path) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || slices.Contains(notOurs, path) {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(text, 0) {
			files = append(files, textFile{path, string(text)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d files found below %s: that is not the repository", len(files), root)
	}
	return files
}

// notOurs are the paths that others write: git, the compiler, the checksum database, the licence's authors.
var notOurs = []string{".git", "bin", "go.sum", "LICENSE"}

// withSuffix are the files whose path ends so.
func withSuffix(files []textFile, suffix string) []textFile {
	var some []textFile
	for _, f := range files {
		if strings.HasSuffix(f.path, suffix) {
			some = append(some, f)
		}
	}
	return some
}

// report fails the test once for each complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}
