package meter

import (
	"runtime"
	"strconv"
)

// writeRequests writes graygate_requests_total.
func (g *Generation) writeRequests(t *text) {
	begun := false
	for i, c := range g.codesInOrder {
		g.pause(i)
		counts, counted := c.sum()
		if !counted {
			continue
		}
		for slot, n := range counts {
			if n == 0 {
				continue
			}
			if !begun {
				t.head(&Requests)
				begun = true
			}
			b := append(t.buf, Requests.Name...)
			b = append(b, '{')
			b = append(b, c.labels...)
			b = append(b, `,http_status_code="`...)
			b = append(b, codeTexts[slot]...)
			b = append(b, `",upstream="`...)
			b = append(b, c.pool...)
			b = append(b, `"} `...)
			t.buf = append(strconv.AppendUint(b, n, 10), '\n')
		}
		t.flushFull()
		if t.err != nil {
			return
		}
	}
}

// writeTimes writes one of the histograms. Keys that have counted nothing have no lines.
func (g *Generation) writeTimes(t *text, f *Family, part func(*timesCell) *histogram) {
	begun := false
	for i, s := range g.timesInOrder {
		g.pause(i)
		d := s.durations(part)
		if d.Count == 0 {
			continue
		}
		if !begun {
			t.head(f)
			begun = true
		}
		t.histogram(f, s.labels, &d)
		t.flushFull()
		if t.err != nil {
			return
		}
	}
}

// histogram writes the lines of one. They are nearly all there is of a large page, so what they have in common is put
// together once, and a count only where it is another than that of the line before.
func (t *text) histogram(f *Family, labels string, d *Durations) {
	from := len(t.buf)
	b := append(t.sample(f, "_bucket{", labels), `,le="`...)
	same := b[from:]
	var room [countRoom]byte
	count := append(room[:0], "0\n"...)
	sum := uint64(0)
	for i, n := range d.Buckets {
		if n > 0 {
			sum += n
			count = append(strconv.AppendUint(room[:0], sum, 10), '\n')
		}
		if i > 0 {
			b = append(b, same...)
		}
		b = append(b, boundTexts[i]...)
		b = append(b, count...)
	}
	t.buf = b
	b = append(t.sample(f, "_sum{", labels), "} "...)
	t.buf = append(appendFloat(b, d.Seconds), '\n')
	b = append(t.sample(f, "_count{", labels), "} "...)
	t.buf = append(b, count...)
}

// countRoom is what the largest count and the end of its line take.
const countRoom = len("18446744073709551615\n")

// pause lets others run now and then: to add up keys that have counted nothing takes time too, and fills no piece.
func (g *Generation) pause(i int) {
	if every := max(1, yieldCells/g.r.loops); i%every == every-1 {
		runtime.Gosched()
	}
}

func (t *text) sample(f *Family, suffix, labels string) []byte {
	b := append(t.buf, f.Name...)
	b = append(b, suffix...)
	return append(b, labels...)
}

// writeExperiments writes the metrics of the experiments.
func (g *Generation) writeExperiments(t *text) {
	if len(g.experimentsInOrder) == 0 {
		return
	}
	t.head(&Assignments)
	for _, e := range g.experimentsInOrder {
		for _, v := range e.variants {
			b := append(t.sample(&Assignments, "{", v.labels), "} "...)
			t.buf = append(strconv.AppendUint(b, v.sum(), 10), '\n')
			t.flushFull()
		}
		if t.err != nil {
			return
		}
	}
	g.writeRatios(t, &SampleRatioMismatch, func(r SampleRatio) float64 { return float64(bit(r.Mismatch)) })
	g.writeRatios(t, &SampleRatioEvidence, func(r SampleRatio) float64 { return r.LogEvidence })
	g.writeRatios(t, &SampledUnits, func(r SampleRatio) float64 { return float64(r.Units) })
}

// writeRatios writes one value of every test. Of those at the outcome, only the ones that have seen a unit: a 0 where nobody
// counts would say that all is well.
func (g *Generation) writeRatios(t *text, f *Family, value func(SampleRatio) float64) {
	t.head(f)
	for _, e := range g.experimentsInOrder {
		t.ratio(f, e.labels, `,at="assignment"} `, value(e.assigned.told()))
		if told := e.answered.told(); told.Units > 0 {
			t.ratio(f, e.labels, `,at="outcome"} `, value(told))
		}
		t.flushFull()
		if t.err != nil {
			return
		}
	}
}

func (t *text) ratio(f *Family, labels, rest string, v float64) {
	b := append(t.sample(f, "{", labels), rest...)
	t.buf = append(appendFloat(b, v), '\n')
}
