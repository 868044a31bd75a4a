package match

import (
	"fmt"
	"strings"
)

// slots checks the slots of every experiment, and that each slot of a layer belongs to one of them at most.
func (c *experimentChecker) slots() {
	owners := make([][]slotOwner, len(c.x.Layers))
	own := make([]slotOwner, Slots) // of an archived experiment, whose slots may be anybody's
	for i := range c.x.Experiments {
		e := &c.x.Experiments[i]
		if !e.archived() && owners[e.Layer] == nil {
			owners[e.Layer] = make([]slotOwner, Slots)
		}
		taken := owners[e.Layer]
		if e.archived() {
			clear(own)
			taken = own
		}
		for item, r := range e.Slots {
			if c.slotRange(i, "slots", item, r) {
				c.claim(i, item, taken)
			}
		}
	}
	for _, at := range c.overlaps { // now that all is known, what is left can be told
		e := &c.errs[at]
		e.Fix = freeSlotsFix(owners[c.x.Experiments[e.Experiment].Layer])
	}
}

// freeSlotsFix says which slots an experiment could have instead.
func freeSlotsFix(taken []slotOwner) string {
	ranges := freeRanges(func(slot int) bool { return taken[slot].experiment == 0 })
	if len(ranges) == 0 {
		return "no slot of the layer is free: archive an experiment that is over, or add a layer"
	}
	var out []string
	for _, r := range ranges[:min(len(ranges), maxFreeRanges)] {
		out = append(out, r.String())
	}
	if len(ranges) > maxFreeRanges {
		out = append(out, "and more")
	}
	return "use slots that are free: " + strings.Join(out, ", ")
}

// slotRange tells whether a range is one.
func (c *experimentChecker) slotRange(i int, part string, item int, r SlotRange) bool {
	switch {
	case r.First > r.Last:
		c.bad(i, part, item, fmt.Sprintf("write %d-%d", r.Last, r.First), "slots %s are in reversed order", r)
	case r.First < 0 || r.Last >= Slots:
		c.bad(i, part, item, fmt.Sprintf("use 0 to %d", Slots-1), "slots %s are not all there: a layer has %d", r, Slots)
	default:
		return true
	}
	return false
}

// slotOwner is the range that a slot is in: the experiment's index + 1, 0 for none, and the place in its slots.
type slotOwner struct{ experiment, item int32 }

// claim takes a range of slots for an experiment, and tells of the first other range that it meets.
func (c *experimentChecker) claim(i, item int, taken []slotOwner) {
	e := &c.x.Experiments[i]
	r := e.Slots[item]
	told := false
	for slot := r.First; slot <= r.Last; slot++ {
		owner := taken[slot]
		if owner.experiment == 0 {
			taken[slot] = slotOwner{int32(i + 1), int32(item)}
			continue
		}
		if told {
			continue
		}
		told = true
		other := &c.x.Experiments[owner.experiment-1]
		where := other.Slots[owner.item]
		if other == e {
			c.bad(i, "slots", item, "name every slot once", "slots %s overlap slots %s of the same experiment", r, where)
			continue
		}
		c.overlaps = append(c.overlaps, len(c.errs))
		c.bad(i, "slots", item, "", "slots %s of `%s` overlap slots %s of `%s` in layer `%s`", r, e.Name, where, other.Name, c.x.Layers[e.Layer].Name)
		c.errs[len(c.errs)-1].Others = []int{int(owner.experiment - 1)}
	}
}

// String gives a range as it is written in the config: 0-499, or 7.
func (r SlotRange) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}
