package audience

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// script is a connection to a server that says what it says, whatever it is asked.
type script struct {
	net.Conn // nil: nothing else of it is used
	says     io.Reader
	asked    bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.says.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.asked.Write(p) }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// scanned gives the members that a server's replies have, and the cursors that it was asked for after 7.
func scanned(says io.Reader) (members, cursors []string, err error) {
	conn := &script{says: says}
	s := newScan("the key", conn, func(member []byte) error {
		members = append(members, string(member))
		return nil
	})
	err = s.pages(context.Background(), 7)
	for n, command := range strings.Split(conn.asked.String(), "*5\r\n$5\r\nSSCAN\r\n$7\r\nthe key\r\n$")[1:] {
		if cursor := strings.Split(command, "\r\n"); n > 0 {
			cursors = append(cursors, cursor[1])
		}
	}
	return members, cursors, err
}

func TestScan(t *testing.T) {
	row := func(says string, members, cursors []string, want error) {
		t.Helper()
		for _, piece := range []int{1, 3, 1 << 20} {
			m, c, err := scanned(&pieces{says, piece})
			if !slices.Equal(m, members) || !slices.Equal(c, cursors) || !errors.Is(err, want) && (err == nil || want == nil || err.Error() != want.Error()) {
				t.Errorf("%q in pieces of %d bytes\n got %q, asked for %q, error %v\nwant %q, asked for %q, error %v", says, piece, m, c, err, members, cursors, want)
			}
		}
	}
	end := "*2\r\n$1\r\n0\r\n*1\r\n$3\r\nend\r\n"
	row(end, []string{"end"}, nil, nil)
	row("*2\r\n$1\r\n0\r\n*0\r\n", nil, nil, nil)
	row("*2\r\n$20\r\n18446744073709551615\r\n*3\r\n$5\r\nalice\r\n$0\r\n\r\n$4\r\n\r\n$1\r\n*2\r\n$2\r\n12\r\n*0\r\n"+end,
		[]string{"alice", "", "\r\n$1", "end"}, []string{"18446744073709551615", "12"}, nil)
	long := strings.Repeat("x", MaxMemberBytes)
	row("*2\r\n$1\r\n0\r\n*1\r\n$256\r\n"+long+"\r\n", []string{long}, nil, nil)
	row("*2\r\n$1\r\n9\r\n*2\r\n$1\r\na\r\n$257\r\n"+long+"x\r\n", []string{"a"}, []string{"9"}, &LengthError{257})
	row("*2\r\n$1\r\n9\r\n*0\r\n-NOPERM not any more\r\n", nil, []string{"9"}, replyError("NOPERM not any more"))

	// What ends too early, and what is no answer to SSCAN.
	for n := range len(end) {
		if _, _, err := scanned(strings.NewReader(end[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: error %v, want %v", end[:n], err, io.ErrUnexpectedEOF)
		}
	}
	for _, says := range []string{
		"+OK\r\n", "\r\n", "*\r\n", "*2\n", "$2\r\n", "*3\r\n", "*-1\r\n", "*99999999999999999999\r\n", strings.Repeat("*", scanBuffer+1),
		"*2\r\n:0\r\n", "*2\r\n$0\r\n\r\n", "*2\r\n$1\r\nx\r\n", "*2\r\n$20\r\n18446744073709551616\r\n", "*2\r\n$21\r\n000000000000000000000\r\n", "*2\r\n$1\r\n01\r\n",
		"*2\r\n$1\r\n0\r\n$1\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nxx\r\n",
	} {
		row(says, nil, nil, errReply)
	}
}

// pieces reads a text in pieces of so many bytes.
type pieces struct {
	text string
	size int
}

func (p *pieces) Read(to []byte) (int, error) {
	n := copy(to[:min(len(to), p.size)], p.text)
	p.text = p.text[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Whatever a server says, a scan ends, adds no member that is longer than one can be, and more cursors than it was given are not asked for.
func FuzzScan(f *testing.F) {
	f.Add("*2\r\n$2\r\n12\r\n*1\r\n$5\r\nalice\r\n*2\r\n$1\r\n0\r\n*0\r\n")
	f.Add("-LOADING\r\n")
	f.Fuzz(func(t *testing.T, says string) {
		members, cursors, err := scanned(strings.NewReader(says))
		for _, m := range members {
			if len(m) > MaxMemberBytes || !strings.Contains(says, m) {
				t.Errorf("member %q", m)
			}
		}
		if len(cursors) > strings.Count(says, "*2\r\n$") {
			t.Errorf("asked for %q", cursors)
		}
		if err == nil && !strings.Contains(says, "*2\r\n$") {
			t.Errorf("%q is taken for an answer", says)
		}
	})
}
