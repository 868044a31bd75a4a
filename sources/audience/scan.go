package audience

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// scan reads a set by SSCAN, page by page, on a connection that it has to itself. The library makes the connection, with TLS and
// the password, and reads the first page, with all that may be wrong then. The pages after it are read here, for two reasons. Each
// is asked for as soon as the cursor is read that the page before begins with, so that the server finds members while we store others. And no
// member becomes an object of the heap, which ten million of them would fill and the collector would empty.
//
// A scan belongs to one goroutine. Two pages at most are on their way.
type scan struct {
	key  string
	conn net.Conn
	add  func(member []byte) error
	in   *bufio.Reader
	out  []byte
}

var errReply = errors.New("what it answers is no answer to SSCAN")

// replyError is what a server says of a command that it refuses.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError marks it as the library marks its own.
func (replyError) RedisError() {}

// scanMembers calls add with each member of a set; what it is given it must not keep. It ends early when ctx ends or add fails,
// with their error.
func scanMembers(ctx context.Context, options redis.Options, key string, add func(member []byte) error) error {
	var conn net.Conn
	dial := redis.NewDialer(&options)
	options.Dialer = func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		c, err = dial(ctx, network, addr)
		conn = c
		return c, err
	}
	client := redis.NewClient(&options)
	defer client.Close()
	// The library looks at ctx between commands only. Closing ends the one that it waits for.
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	own := client.Conn()
	defer own.Close()
	members, cursor, err := own.SScan(ctx, key, 0, "", scanCount).Result()
	if err != nil {
		return err
	}
	var buf []byte
	for _, m := range members {
		buf = append(buf[:0], m...)
		if err := add(buf); err != nil {
			return err
		}
	}
	if cursor == 0 {
		return nil
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return newScan(key, conn, add).pages(ctx, cursor)
}

func newScan(key string, conn net.Conn, add func(member []byte) error) *scan {
	return &scan{key: key, conn: conn, add: add, in: bufio.NewReaderSize(patient{conn}, scanBuffer)}
}

// pages reads all pages from a cursor on.
func (s *scan) pages(ctx context.Context, cursor uint64) error {
	err := s.ask(cursor)
	for err == nil && cursor != 0 && ctx.Err() == nil {
		cursor, err = s.page()
	}
	if ctx.Err() != nil {
		return ctx.Err() // it is why the connection was closed, if it was
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ask sends the command for a page.
func (s *scan) ask(cursor uint64) error {
	number, count := strconv.FormatUint(cursor, 10), strconv.Itoa(scanCount)
	s.out = append(s.out[:0], "*5\r\n"...)
	for _, word := range []string{"SSCAN", s.key, number, "COUNT", count} {
		s.out = append(strconv.AppendInt(append(s.out, '$'), int64(len(word)), 10), "\r\n"...)
		s.out = append(append(s.out, word...), "\r\n"...)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.out)
	return err
}

// page reads a page, and asks for the next one, of which it gives the cursor; 0 after the last page.
func (s *scan) page() (next uint64, err error) {
	if n, err := s.length('*'); err != nil || n != 2 {
		return 0, cmp.Or(err, errReply)
	}
	n, err := s.length('$')
	if err != nil || n > len("18446744073709551615") {
		return 0, cmp.Or(err, errReply)
	}
	digits, err := s.take(n)
	if err != nil {
		return 0, err
	}
	if next, err = strconv.ParseUint(string(digits), 10, 64); err != nil {
		return 0, errReply
	}
	if next != 0 {
		if err := s.ask(next); err != nil {
			return 0, err
		}
	}
	n, err = s.length('*')
	for ; err == nil && n > 0; n-- {
		err = s.member()
	}
	return next, err
}

func (s *scan) member() error {
	n, err := s.length('$')
	if err != nil {
		return err
	}
	if n > MaxMemberBytes {
		return &LengthError{n}
	}
	member, err := s.take(n)
	if err != nil {
		return err
	}
	return s.add(member)
}

// length reads the line that an array or a string of a reply begins with, by its kind, and gives the length that is in it.
func (s *scan) length(kind byte) (int, error) {
	line, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, errReply
	case err != nil:
		return 0, err
	case len(line) < len("*0\r\n") || line[len(line)-2] != '\r':
		return 0, errReply
	}
	line = line[:len(line)-2]
	if line[0] == '-' {
		return 0, replyError(line[1:])
	}
	n := 0
	for _, c := range line[1:] {
		if c < '0' || c > '9' || n > math.MaxInt32/10 {
			return 0, errReply
		}
		n = 10*n + int(c-'0')
	}
	if line[0] != kind {
		return 0, errReply
	}
	return n, nil
}

// take reads a string of n bytes, fewer than the buffer has, and what ends it. It is borrowed until the next read.
func (s *scan) take(n int) ([]byte, error) {
	const end = "\r\n"
	p, err := s.in.Peek(n + len(end))
	if err != nil {
		return nil, err
	}
	if string(p[n:]) != end {
		return nil, errReply
	}
	_, _ = s.in.Discard(len(p)) // of what was peeked at
	return p[:n], nil
}

// patient is a connection of which each read has its own time. A deadline for a whole page would count the time that storing its members
// takes, which is long when the builder tidies up.
type patient struct{ net.Conn }

func (c patient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(replyTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
