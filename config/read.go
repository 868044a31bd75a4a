package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Read reads a config file and all that is wrong with it: the error, if any, is an [Errors].
func Read(path string) (*Plan, error) {
	text, err := readFile(path)
	if err != nil {
		what := err.Error()
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			what = e.Err.Error()
		}
		fix := ""
		if errors.Is(err, fs.ErrNotExist) {
			fix = "look at the path, or begin with a copy of examples/quickstart.yaml"
		}
		return nil, Errors{{File: path, What: "cannot be read: " + what, Fix: fix}}
	}
	return Parse(path, text)
}

// readFile reads no more than Parse would take, and one byte to tell that there is more.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
}

// Parse reads the text of a config; name stands for the file in errors. The error, if any, is an [Errors]: every
// mistake found, by place. The text is not kept.
func Parse(name string, text []byte) (*Plan, error) {
	s := newSource(name, strings.TrimPrefix(string(text), "\ufeff"))
	root := s.parseTree(strings.Join(s.lines, "\n"))
	if root == nil {
		return nil, s.errs.sorted()
	}
	f := decode(s, root)
	if f == nil {
		s.nothing()
		return nil, s.errs.sorted()
	}
	c := check(s, f)
	if len(s.errs) > 0 {
		return nil, s.errs.sorted()
	}
	return s.fill(f, c.inForce), nil
}
