package match

import (
	"container/heap"
	"slices"
	"strings"
)

// order gives the order of evaluation, by the index of the experiment: each comes after those that it depends on, and of
// those that could come next always the first given. It is of use only without cycles.
func (x *Experiments) order() []uint16 {
	waits := make([]int, len(x.Experiments)) // for how many others
	next := make([][]int, len(x.Experiments))
	ready := &intHeap{}
	for i := range x.Experiments {
		for _, other := range x.Experiments[i].DependsOn {
			next[other] = append(next[other], i)
			waits[i]++
		}
		if waits[i] == 0 {
			heap.Push(ready, i)
		}
	}
	out := make([]uint16, 0, len(x.Experiments))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		out = append(out, uint16(i))
		for _, j := range next[i] {
			if waits[j]--; waits[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	return out
}

// intHeap is a heap of numbers, the lowest first.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(n any)        { *h = append(*h, n.(int)) }
func (h *intHeap) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	*h = (*h)[:last]
	return n
}

// dependencies checks what experiments say of one another.
func (c *experimentChecker) dependencies() {
	for i := range c.x.Experiments {
		e := &c.x.Experiments[i]
		for item, other := range e.DependsOn {
			o := &c.x.Experiments[other]
			switch {
			case other == i:
				c.bad(i, "depends_on", item, "remove it", "`%s` depends on itself", e.Name)
			case slices.Contains(e.Excludes, other):
				c.bad(i, "depends_on", item, "remove it from one of them", "`%s` depends on `%s` and excludes it, so it never assigns", e.Name, o.Name)
			case slices.Contains(o.Excludes, i):
				c.bad(i, "depends_on", item, "remove one of them", "`%s` depends on `%s`, which excludes it, so it never assigns", e.Name, o.Name)
			case o.Layer == e.Layer:
				c.bad(i, "depends_on", item, "put one of them into another layer",
					"`%s` depends on `%s`, and both are in layer `%s`, which assigns one of them at most", e.Name, o.Name, c.x.Layers[e.Layer].Name)
			}
		}
		if item := slices.Index(e.Excludes, i); item >= 0 {
			c.bad(i, "excludes", item, "remove it", "`%s` excludes itself", e.Name)
		}
	}
	c.cycles()
}

// cycles finds experiments that depend on themselves by way of others. Each is told once, where its first experiment is.
func (c *experimentChecker) cycles() {
	const unseen, open, done = 0, 1, 2
	state := make([]uint8, len(c.x.Experiments))
	var path []int // those open, each depending on the next
	found := 0
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, other := range c.x.Experiments[i].DependsOn {
			switch {
			case other == i: // told already
			case state[other] == unseen:
				visit(other)
			case state[other] == open && found < maxCycles:
				found++
				c.cycle(path[slices.Index(path, other):])
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i := range state {
		if state[i] == unseen {
			visit(i)
		}
	}
}

// cycle tells of one; each experiment of it depends on the next, and the last on the first.
func (c *experimentChecker) cycle(path []int) {
	first := slices.Index(path, slices.Min(path))
	path = append(slices.Clone(path[first:]), path[:first]...)
	var names []string
	for _, i := range append(path, path[0]) {
		names = append(names, c.x.Experiments[i].Name)
	}
	if len(names) > maxCycleNames {
		names = append(append(names[:maxCycleNames-2:maxCycleNames-2], "..."), names[len(names)-1])
	}
	item := slices.Index(c.x.Experiments[path[0]].DependsOn, path[1])
	c.bad(path[0], "depends_on", item, "remove one of these dependencies", "dependency cycle: %s", strings.Join(names, " -> "))
	c.errs[len(c.errs)-1].Others = path[1:]
}
