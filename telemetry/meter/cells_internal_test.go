package meter

import (
	"reflect"
	"testing"
	"time"
)

// TestLoopsShareNoLines looks at the addresses of what loops write to.
func TestLoopsShareNoLines(t *testing.T) {
	r := New(8)
	defer r.Close()
	g := r.Resolve()
	s := g.Series(Key{Service: "shop"}, []string{"stable", "gray"})
	a := g.Assigned(Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}})
	ramp := g.UnitMissing("shop", "ramp")
	owner := map[uintptr]int{} // of each pair of lines
	own := func(loop int, what string, object any) {
		v := reflect.ValueOf(object)
		from, size := v.Pointer(), v.Elem().Type().Size()
		if from%line != 0 || size%line != 0 {
			t.Errorf("%s of loop %d: %d bytes at %#x: it begins or ends within a line", what, loop, size, from)
		}
		for at := from / line; at <= (from+size-1)/line; at++ {
			if other, is := owner[at]; is && other != loop {
				t.Errorf("%s of loop %d shares the line %#x with loop %d", what, loop, at*line, other)
			}
			owner[at] = loop
		}
	}
	for round := range 2 { // the second finds what the first made
		for loop := range 8 {
			for _, status := range append([]int{999}, statusCodes[:]...) {
				s.Observe(loop, 1, status, time.Second, time.Second)
				s.Observe(loop, -1, status, time.Second, -1)
			}
			a.Count(loop, 1, 1)
			ramp.Add(loop)
			if round == 0 {
				continue
			}
			own(loop, "durations", s.times.cells[loop].Load())
			own(loop, "count", a.variants[1].cells[loop].Load())
			own(loop, "tally", ramp.cells[loop].Load())
			for _, c := range []*codes{s.served[0], s.served[2]} {
				cell := c.cells[loop].Load()
				own(loop, "statuses", cell)
				for p := range cell.pages {
					own(loop, "page of statuses", cell.pages[p].Load())
				}
			}
		}
	}
	if got, want := len(owner), 8*(3+1+1+2*(1+codePages)); got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
	address := func(p any) uintptr { return reflect.ValueOf(p).Pointer() }
	for i := range r.rings {
		ring := &r.rings[i]
		base, first, last := address(ring), address(&ring.putting), address(&ring.dropped)+8
		head, end := address(&ring.head), address(ring)+reflect.TypeOf(ring).Elem().Size()
		if first-base < line || head-last < line || end-head-8 < line {
			t.Errorf("ring %d of %d bytes: the loop writes from +%d to +%d, the other side at +%d", i, end-base, first-base, last-base, head-base)
		}
	}
}
