package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"graygate/config"
	"graygate/match"
)

type slotsCommand struct {
	configFlag
	Layer string `arg:"" help:"The layer."`
	Count int    `arg:"" optional:"" help:"Propose as many free slots."`
}

func (c slotsCommand) Run() error {
	if c.Count < 0 || c.Count > match.Slots {
		return fmt.Errorf("%d is no number of slots; a layer has %d", c.Count, match.Slots)
	}
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(1)
	}
	slots, err := plan.SlotMap(c.Layer)
	if err != nil {
		return err
	}
	free := 0
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SLOTS\tCOUNT\tEXPERIMENT\tSTATE")
	for _, o := range slots {
		names, states := []string{"-"}, []string{"free"}
		if len(o.Experiments) == 0 {
			free += o.Count()
		} else {
			names, states = nil, nil
			for _, x := range o.Experiments {
				names, states = append(names, x.Key()), append(states, string(x.State))
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", slotText(o.Slots), o.Count(), strings.Join(names, ", "), strings.Join(states, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.Count == 0 {
		return nil
	}
	proposed := config.FreeSlots(slots, c.Count)
	if proposed == nil {
		return fmt.Errorf("layer %s has %d free slots, not %d; end an experiment, or use another layer", c.Layer, free, c.Count)
	}
	var ranges []string
	for _, r := range proposed {
		ranges = append(ranges, slotText(r))
	}
	fmt.Printf("\nfree for %d: slots: [%s]\n", c.Count, strings.Join(ranges, ", "))
	return nil
}

// slotText gives a range as the config has it.
func slotText(r match.SlotRange) string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}
