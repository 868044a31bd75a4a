package config

import (
	"fmt"
	"slices"
	"strings"

	"graygate/match"
)

// SlotOwner is a run of neighbouring slots of a layer that belong to the same experiments.
type SlotOwner struct {
	Slots match.SlotRange
	// Experiments are at most one of each tenant; none: the slots are free. Those that are archived own nothing.
	Experiments []*Experiment
}

// Count is the number of slots.
func (o *SlotOwner) Count() int { return o.Slots.Last - o.Slots.First + 1 }

// Key is the experiment's key in the config: TENANT/NAME, or NAME where it is for all tenants.
func (x *Experiment) Key() string {
	if x.Tenant == "" {
		return x.Name
	}
	return x.Tenant + "/" + x.Name
}

// SlotMap gives the slots of a layer, all of them and in order, with the experiments that they belong to. The error is
// that there is no such layer.
func (p *Plan) SlotMap(layer string) ([]SlotOwner, error) {
	var names []string
	for _, l := range p.Layers {
		names = append(names, l.Name)
	}
	if !slices.Contains(names, layer) {
		return nil, fmt.Errorf("there is no layer %s; %s", quoted(layer), whichLayer(layer, names))
	}
	var owners [match.Slots][]*Experiment
	for i := range p.Experiments {
		x := &p.Experiments[i]
		if x.Layer != layer || x.State == Archived {
			continue
		}
		for _, r := range x.Slots {
			for slot := r.First; slot <= r.Last; slot++ {
				owners[slot] = append(owners[slot], x)
			}
		}
	}
	var out []SlotOwner
	for slot, here := range owners {
		if n := len(out); n > 0 && slices.Equal(out[n-1].Experiments, here) {
			out[n-1].Slots.Last = slot
			continue
		}
		out = append(out, SlotOwner{match.SlotRange{First: slot, Last: slot}, here})
	}
	return out, nil
}

func whichLayer(layer string, names []string) string {
	g := guesser{left: maxGuesses}
	if near := g.nearest(layer, names); near != "" {
		return "did you mean " + quoted(near) + "?"
	}
	if len(names) == 0 {
		return "the config defines none"
	}
	return "the layers are " + strings.Join(names, ", ")
}

// FreeSlots proposes count free slots of a map: the first of the smallest runs that hold them all, or else the largest runs
// together. It gives none if there are not so many.
func FreeSlots(slots []SlotOwner, count int) []match.SlotRange {
	var free []match.SlotRange
	for _, o := range slots {
		if len(o.Experiments) == 0 {
			free = append(free, o.Slots)
		}
	}
	size := func(r match.SlotRange) int { return r.Last - r.First + 1 }
	slices.SortStableFunc(free, func(a, b match.SlotRange) int { return size(b) - size(a) })
	if i := slices.IndexFunc(free, func(r match.SlotRange) bool { return size(r) < count }); i != 0 {
		if i < 0 {
			i = len(free)
		}
		if i > 0 { // of the runs that hold them all, the smallest, and of several such the first
			fit := size(free[i-1])
			free = free[slices.IndexFunc(free, func(r match.SlotRange) bool { return size(r) == fit }):]
		}
	}
	var out []match.SlotRange
	for _, r := range free {
		take := min(size(r), count)
		out = append(out, match.SlotRange{First: r.First, Last: r.First + take - 1})
		if count -= take; count == 0 {
			slices.SortFunc(out, func(a, b match.SlotRange) int { return a.First - b.First })
			return out
		}
	}
	return nil
}
