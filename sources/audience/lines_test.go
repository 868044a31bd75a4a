package audience

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadLines(t *testing.T) {
	row := func(text string, want ...string) {
		t.Helper()
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			var got []string
			err := ReadLines(r, func(line []byte) error {
				got = append(got, string(line))
				return nil
			})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q, %s\n got %q, %v\nwant %q", text, name, got, err, want)
			}
		}
	}
	row("")
	row("\n\r\n\n")
	row("a", "a")
	row("a\n", "a")
	row("a\r\nb\n\nc", "a", "b", "c")
	row(" a \n\tb\n", " a ", "\tb")
	row("a\rb\r\r\nc\r", "a\rb\r", "c\r")
	row("\x00\n\xff\xfe", "\x00", "\xff\xfe")
	row("\ufeffa\n\ufeffb\n", "a", "\ufeffb")
	row("\ufeff\r\na", "a")
	row("\ufeff")
	row("\xef\xbb", "\xef\xbb")
	row("# no comment\na,b\n", "# no comment", "a,b")
}

func TestReadLinesFails(t *testing.T) {
	row := func(r io.Reader, want string) {
		t.Helper()
		b := NewBuilder(10, false)
		if err := ReadLines(r, b.Add); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	text := func(s string) io.Reader { return strings.NewReader(s) }
	long := strings.Repeat("x", MaxMemberBytes)
	row(text("a\n\n"+long+"\r\n"+long+"y\r\nb"), "line 4: a member of 257 bytes, and units have at most 256; take it out")
	row(text("a\n"+strings.Repeat(long, 256)), "line 2: more than 65536 bytes, and units have at most 256; take it out")
	row(io.MultiReader(text("a\nb"), iotest.ErrReader(errors.New("disk on fire"))), "disk on fire")
}

// FuzzReadLines compares the reader with a plain one, and what a set says with what was read.
func FuzzReadLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\n\xff\x00\n" + strings.Repeat("l", 256)))
	f.Add([]byte("1\n18446744073709551616\neve@example.com\n123e4567-e89b-12d3-a456-426614174000\ndeadbeef\nx@@b.c"))
	f.Add([]byte(strings.Repeat("l", 257)))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want [][]byte
		fault := 0
		lines := bytes.SplitAfter(text, []byte("\n"))
		for i, line := range lines {
			if cut, ended := bytes.CutSuffix(line, []byte("\n")); ended {
				line, _ = bytes.CutSuffix(cut, []byte("\r"))
			}
			if i == 0 {
				line = bytes.TrimPrefix(line, byteOrderMark)
			}
			if len(line) > MaxMemberBytes {
				fault = i + 1
				break
			}
			if len(line) > 0 {
				want = append(want, line)
			}
		}
		b := NewBuilder(len(text)+1, false)
		var got [][]byte
		err := ReadLines(bytes.NewReader(text), func(line []byte) error {
			if err := b.Add(line); err != nil {
				return err
			}
			got = append(got, bytes.Clone(line))
			return nil
		})
		var line *LineError
		if errors.As(err, &line) != (fault > 0) || line != nil && line.Line != fault || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q\n got %q, %v\nwant %q, a fault in line %d", text, got, err, want, fault)
		}
		s, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		distinct := map[string]bool{}
		for _, m := range want {
			distinct[string(m)] = true
			if !s.Contains(m) {
				t.Fatalf("%q is lost", m)
			}
			if other := append(bytes.Clone(m), '!'); !distinct[string(other)] && s.Contains(other) && !bytes.Contains(text, other) {
				t.Fatalf("%q is in, and is no member", other)
			}
		}
		if s.Len() != len(distinct) {
			t.Fatalf("%d members, want %d", s.Len(), len(distinct))
		}
	})
}
