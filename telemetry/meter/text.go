package meter

import (
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// text is a page on its way to a writer: a buffer that is written whenever a piece of it is full. After the writer has
// failed once, nothing is formatted any more.
type text struct {
	buf     []byte
	w       io.Writer
	err     error
	written int // bytes since others were let run
}

var texts = sync.Pool{New: func() any { return &text{buf: make([]byte, 0, piece+room)} }}

func takeText(w io.Writer) *text {
	t := texts.Get().(*text)
	t.w = w
	return t
}

// give keeps the buffer for the next scrape.
func (t *text) give() {
	*t = text{buf: t.buf[:0]}
	if cap(t.buf) <= 2*piece {
		texts.Put(t)
	}
}

// Write is for what others format: the library and the collectors' samples.
func (t *text) Write(p []byte) (int, error) {
	whole := len(p)
	for len(p) > 0 && t.err == nil {
		n := min(len(p), piece-min(piece, len(t.buf)))
		t.buf = append(t.buf, p[:n]...)
		p = p[n:]
		t.flushFull()
	}
	if t.err != nil {
		return 0, t.err
	}
	return whole, nil
}

// flushFull writes what is there if it is a piece, and lets others run now and then: a scrape of many series takes tens of
// milliseconds, for which loops that became ready are not to wait.
func (t *text) flushFull() {
	if len(t.buf) < piece {
		return
	}
	t.flush()
	if t.written >= yieldBytes {
		t.written = 0
		runtime.Gosched()
	}
}

func (t *text) flush() {
	if t.err == nil && len(t.buf) > 0 {
		_, t.err = t.w.Write(t.buf)
	}
	t.written += len(t.buf)
	t.buf = t.buf[:0]
}

// head writes what stands before a metric's samples.
func (t *text) head(f *Family) {
	b := append(t.buf, "# HELP "...)
	b = append(b, f.Name...)
	b = append(b, ' ')
	b = append(b, helpEscapes.Replace(f.Help)...)
	b = append(b, "\n# TYPE "...)
	b = append(b, f.Name...)
	b = append(b, ' ')
	b = append(b, f.Kind...)
	t.buf = append(b, '\n')
	t.flushFull()
}

// The escapes of the text format: in help texts, and in label values.
var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// escape makes a label's value of a string. What is no UTF-8 becomes U+FFFD, as a page has to be UTF-8.
func escape(value string) string {
	return labelEscapes.Replace(strings.ToValidUTF8(value, "�"))
}

// labels are NAME="VALUE", with commas, without braces.
func labels(names, values []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
		b.WriteString(`="`)
		b.WriteString(escape(values[i]))
		b.WriteByte('"')
	}
	return b.String()
}

// appendFloat writes a value as the format wants it: the infinities have a sign.
func appendFloat(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
