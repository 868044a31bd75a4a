package meter

import (
	"runtime"
	"strconv"
)

// writeRequests writes graygate_requests_total.
func (g *Generation) writeRequests(t *text) {
	begun := false
	for i, c := range g.codesInOrder {
		pause(i)
		for slot, n := range c.sum() {
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
		pause(i)
		d := s.durations(part)
		if d.Count == 0 {
			continue
		}
		if !begun {
			t.head(f)
			begun = true
		}
		sum := uint64(0)
		for i, n := range d.Buckets {
			sum += n
			b := t.sample(f, "_bucket{", s.labels)
			b = append(b, `,le="`...)
			b = append(b, boundTexts[i]...)
			b = append(b, `"} `...)
			t.buf = append(strconv.AppendUint(b, sum, 10), '\n')
		}
		b := append(t.sample(f, "_sum{", s.labels), "} "...)
		t.buf = append(appendFloat(b, d.Seconds), '\n')
		b = append(t.sample(f, "_count{", s.labels), "} "...)
		t.buf = append(strconv.AppendUint(b, sum, 10), '\n')
		t.flushFull()
		if t.err != nil {
			return
		}
	}
}

// pause lets others run now and then: to add up keys that have counted nothing takes time too, and fills no piece.
func pause(i int) {
	if i%pauseEvery == pauseEvery-1 {
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
