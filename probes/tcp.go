package probes

import (
	"bytes"
	"io"
)

// askTCP sends what is to be sent, then reads until what is expected has come.
func askTCP(conn io.ReadWriter, c *TCP) error {
	if len(c.Send) > 0 {
		if _, err := conn.Write(c.Send); err != nil {
			return err
		}
	}
	if len(c.Expect) == 0 {
		return nil
	}
	var got []byte
	for len(got) < MaxAnswerBytes {
		if cap(got)-len(got) < 512 {
			got = append(make([]byte, 0, min(2*cap(got)+1024, MaxAnswerBytes)), got...)
		}
		n, err := conn.Read(got[len(got):min(cap(got), MaxAnswerBytes)])
		// What is expected may have begun before this piece; what was looked through is not looked through again.
		from := max(len(got)-len(c.Expect)+1, 0)
		got = got[:len(got)+n]
		if bytes.Contains(got[from:], c.Expect) {
			return nil
		}
		if err == io.EOF {
			return errUnexpected
		}
		if err != nil {
			return err
		}
	}
	return errUnexpected
}
