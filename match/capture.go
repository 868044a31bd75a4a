package match

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// capture is a regular expression that cuts a value out of a text. It finds what regexp.FindSubmatch finds (leftmost, and
// first alternative first), by the same simulation of all alternatives at once (Thompson, Pike): time in proportion to
// text × program. regexp itself would allocate a slice for every answer.
type capture struct {
	prog  *syntax.Prog
	group uint32 // 1, or 0 for the whole match
}

// newCapture compiles a pattern with at most one group. The error is for people.
func newCapture(pattern string) (c *capture, what, fix string) {
	if len(pattern) > MaxPatternBytes {
		return nil, fmt.Sprintf("a pattern of %d bytes, more than %d", len(pattern), MaxPatternBytes), "shorten it"
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, "the pattern is wrong: " + patternMistake(err), "mend the pattern; its syntax is RE2's"
	}
	if re.MaxCap() > 1 {
		return nil, fmt.Sprintf("the pattern has %d groups, and one gives the value", re.MaxCap()), "write (?: ) for the others"
	}
	c = &capture{group: uint32(re.MaxCap())}
	c.prog, err = syntax.Compile(re.Simplify())
	if err != nil {
		return nil, "the pattern is wrong: " + err.Error(), "mend the pattern"
	}
	if n := len(c.prog.Inst); n > maxPatternSteps {
		return nil, fmt.Sprintf("the pattern has %d steps, more than %d", n, maxPatternSteps), "use smaller repeat counts"
	}
	return c, "", ""
}

// patternMistake puts the error of the regexp parser into few words.
func patternMistake(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return fmt.Sprintf("%s: `%s`", e.Code, e.Expr)
	}
	return err.Error()
}

// compilePattern compiles the right side of `matches`.
func compilePattern(pattern string) (re *regexp.Regexp, what, fix string) {
	if len(pattern) > MaxPatternBytes {
		return nil, fmt.Sprintf("a pattern of %d bytes, more than %d", len(pattern), MaxPatternBytes), "shorten it"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, "the pattern is wrong: " + patternMistake(err), "mend the pattern; its syntax is RE2's"
	}
	return re, "", ""
}

// searcher is the memory of one search: two lists of threads. An event loop has one.
type searcher struct{ now, next threads }

// threads is a set of threads by instruction, in order of preference (Briggs and Torczon's sparse set).
type threads struct {
	list []thread
	at   []uint32 // by instruction: its place in list, if list agrees
}

// thread is one way to have come to an instruction; from and to are what its group holds, -1 while open.
type thread struct {
	pc       uint32
	from, to int
}

// reserve makes room for a program of n instructions.
func (s *searcher) reserve(n int) {
	for _, t := range []*threads{&s.now, &s.next} {
		if cap(t.list) < n {
			t.list = make([]thread, 0, n)
			t.at = make([]uint32, n)
		}
	}
}

// find gives what the capture holds in b, nil if b does not match or is longer than [MaxSearchBytes]. s has been reserved
// for the program.
func (c *capture) find(s *searcher, b []byte) (found []byte) {
	if len(b) > MaxSearchBytes {
		return nil
	}
	s.now.list, s.next.list = s.now.list[:0], s.next.list[:0]
	matched, from, to := false, 0, 0
	before := rune(-1)
	r, width := decodeRune(b, 0)
	for pos := 0; ; {
		after, nextWidth := decodeRune(b, pos+width)
		if !matched { // a match that begins later is worth less than every thread there is
			start := thread{uint32(c.prog.Start), -1, -1}
			if c.group == 0 {
				start.from = pos
			}
			c.add(&s.now, start, pos, syntax.EmptyOpContext(before, r))
		}
		edge := syntax.EmptyOpContext(r, after)
		for _, t := range s.now.list {
			in := &c.prog.Inst[t.pc]
			if in.Op == syntax.InstMatch {
				matched, from, to = true, t.from, t.to
				if c.group == 0 {
					to = pos
				}
				break // the threads behind it are worth less
			}
			if width > 0 && in.MatchRune(r) {
				c.add(&s.next, thread{in.Out, t.from, t.to}, pos+width, edge)
			}
		}
		s.now, s.next = s.next, s.now
		s.next.list = s.next.list[:0]
		if width == 0 || matched && len(s.now.list) == 0 {
			break
		}
		pos += width
		before, r, width = r, after, nextWidth
	}
	if !matched || from < 0 {
		return nil
	}
	return b[from:to]
}

// add follows a thread to the instructions that take a rune. The recursion is as deep as the program is long at most,
// since every instruction is entered once for each rune.
func (c *capture) add(list *threads, t thread, pos int, edge syntax.EmptyOp) {
	if i := list.at[t.pc]; int(i) < len(list.list) && list.list[i].pc == t.pc {
		return
	}
	list.at[t.pc] = uint32(len(list.list))
	list.list = append(list.list, t)
	in := &c.prog.Inst[t.pc]
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		c.add(list, thread{in.Out, t.from, t.to}, pos, edge)
		c.add(list, thread{in.Arg, t.from, t.to}, pos, edge)
	case syntax.InstNop:
		c.add(list, thread{in.Out, t.from, t.to}, pos, edge)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(in.Arg)&^edge == 0 {
			c.add(list, thread{in.Out, t.from, t.to}, pos, edge)
		}
	case syntax.InstCapture:
		switch in.Arg {
		case 2 * c.group:
			t.from = pos
		case 2*c.group + 1:
			t.to = pos
		}
		c.add(list, thread{in.Out, t.from, t.to}, pos, edge)
	}
}

// decodeRune gives the rune at a place and its length, -1 and 0 at the end.
func decodeRune(b []byte, at int) (rune, int) {
	switch {
	case at >= len(b):
		return -1, 0
	case b[at] < utf8.RuneSelf:
		return rune(b[at]), 1
	}
	return utf8.DecodeRune(b[at:])
}
