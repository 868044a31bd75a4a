package audience

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// LineError is a line that is no member.
type LineError struct {
	Line int // the first is 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// errLongLine is a line of which the buffer holds but a part.
var errLongLine = fmt.Errorf("more than %d bytes, and units have at most %d; take it out", lineBuffer, MaxMemberBytes)

// lineBuffer is how much of a file is read at once.
const lineBuffer = 1 << 16

// byteOrderMark is what some editors and spreadsheets put before a text, where nobody sees it.
var byteOrderMark = []byte("\ufeff")

// ReadLines calls add with every line of a text. A line ends by "\n" or "\r\n", the last one may end by the end of the
// text; all other bytes, spaces too, belong to it, but for a byte order mark before the first. Empty lines are left out. What add is given it must not keep. Its
// error ends the reading, and comes back as a [*LineError]; errors of r come back as they are.
func ReadLines(r io.Reader, add func(line []byte) error) error {
	lines := bufio.NewReaderSize(r, lineBuffer)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == nil:
			line = line[:len(line)-1]
			if last := len(line) - 1; last >= 0 && line[last] == '\r' {
				line = line[:last]
			}
		case errors.Is(err, bufio.ErrBufferFull):
			return &LineError{n, errLongLine}
		case !errors.Is(err, io.EOF):
			return err
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(line) > 0 {
			if err := add(line); err != nil {
				return &LineError{n, err}
			}
		}
		if err != nil {
			return nil
		}
	}
}
