package match

import (
	"strings"
	"testing"
)

func TestExperimentErrors(t *testing.T) {
	s := shopSchema(t)
	check := func(name string, change func(x *Experiments), want ...string) {
		t.Run(name, func(t *testing.T) {
			one, two := running("one"), running("two")
			one.Slots, two.Layer = []SlotRange{{0, 499}, {900, 949}}, 1
			x := &Experiments{
				Holdouts:    []Holdout{{Name: "q4", By: "userid", PPM: 50_000}},
				Layers:      []Layer{{Name: "search", By: "userid", Holdout: 0}, {Name: "look", By: "userid", Holdout: -1}},
				Experiments: []Experiment{one, two},
			}
			change(x)
			xs, errs := CompileExperiments(s, x)
			var lines []string
			for _, e := range errs {
				lines = append(lines, e.Error())
			}
			if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") || (xs == nil) != (errs != nil) {
				t.Errorf("errors\n got %s\nwant %s", got, strings.Join(want, "\n"))
			}
		})
	}
	add := func(x *Experiments, layer int, slots ...SlotRange) *Experiment {
		e := running("three")
		e.Layer, e.Slots = layer, slots
		x.Experiments = append(x.Experiments, e)
		return &x.Experiments[len(x.Experiments)-1]
	}
	check("none", func(x *Experiments) {})
	checkUnits(check)
	checkSlots(check, add)
	checkVariants(check)
	checkDependencies(check, add)

	check("names", func(x *Experiments) { x.Experiments[0].Name = "" }, "experiment 0: name: the experiment has no name; give it one")
	check("name letters", func(x *Experiments) { x.Experiments[0].Name = "se arch" },
		"experiment 0: name: ' ' in the name of the experiment `se arch`; use letters, digits, `_`, `.` and `-`")
	check("name umlaut", func(x *Experiments) { x.Experiments[0].Name = "größe" },
		"experiment 0: name: 'ö' in the name of the experiment `größe`; use letters, digits, `_`, `.` and `-`")
	check("name length", func(x *Experiments) { x.Experiments[0].Name = strings.Repeat("n", 65) },
		"experiment 0: name: a name of 65 bytes, more than 64; shorten it")
	check("name fits", func(x *Experiments) { x.Experiments[0].Name = strings.Repeat("n", 62) + ".-" })
	check("name twice", func(x *Experiments) { x.Experiments[1].Name = "one" },
		"experiment 1: name: experiments 0 and 1 are both named `one`; rename one of them")
	check("salts", func(x *Experiments) {
		x.Experiments[0].Salt = "a\x00b"
		x.Experiments[1].Salt = strings.Repeat("s", 129)
	},
		"experiment 0: salt: a zero byte in a salt; remove it: it parts salt and unit in the hash",
		"experiment 1: salt: a salt of 129 bytes, more than 128; shorten it")
	check("salt of another", func(x *Experiments) { x.Experiments[1].Salt = "one" },
		"experiment 1: salt: `one` and `two` have the same salt in different layers, so that they draw their variants alike; give one of them another salt")
	check("salt of an archived one", func(x *Experiments) {
		x.Experiments[1].Salt = "one"
		x.Experiments[0].Active, x.Experiments[0].Forceable = false, false
	})
	check("times", func(x *Experiments) {
		x.Experiments[0].From, x.Experiments[0].Until = 10, 10
		x.Experiments[1].From, x.Experiments[1].Until = 10, 11
	}, "experiment 0: end: the experiment ends before it begins; let it end later, or begin earlier")
	check("condition", func(x *Experiments) { x.Experiments[1].When = "oss == 'ios' and version > 17" },
		"experiment 1: when: column 1: unknown attribute `oss`; did you mean `os`?",
		"experiment 1: when: column 28: `version` is a version, and 17 is a number; write it in quotes: '17'")
	check("blank condition", func(x *Experiments) { x.Experiments[1].When = " \n" })
	check("too many layers", func(x *Experiments) { x.Layers = make([]Layer, 65) }, "layers: 65 layers, more than 64; remove those that are over")
	check("too many experiments", func(x *Experiments) { x.Experiments = make([]Experiment, 65_535) },
		"experiments: 65535 experiments, more than 65534; remove those that are over")
	check("all at once", func(x *Experiments) {
		x.Holdouts[0].PPM, x.Layers[1].By = PPM+1, ""
		x.Experiments[0].Variants, x.Experiments[1].Name = nil, "one"
		x.Experiments[1].Slots = []SlotRange{{0, 10_000}}
	},
		"holdout 0: percent: a share above 100 %; use 0 to 100",
		"layer 1: by: the layer does not say whom it divides; add `by:` with an attribute such as a user id",
		"experiment 0: variants: the experiment has no variants; add `variants:`, such as {A: 50, B: 50}",
		"experiment 1: name: experiments 0 and 1 are both named `one`; rename one of them",
		"experiment 1: slots 0: slots 0-10000 are not all there: a layer has 10000; use 0 to 9999")
}

// errorCheck is the closure of TestExperimentErrors.
type errorCheck func(name string, change func(x *Experiments), want ...string)

func checkUnits(check errorCheck) {
	check("unknown unit", func(x *Experiments) { x.Layers[0].By = "user_id" }, "layer 0: by: unknown attribute `user_id`; did you mean `userid`?")
	check("requests", func(x *Experiments) { x.Layers[0].By = "request" },
		"layer 0: by: `request` is no unit: a layer keeps every unit where it is; use an attribute such as a user id")
	check("now", func(x *Experiments) { x.Holdouts[0].By = "now" },
		"holdout 0: by: `now` is different at every moment; use an attribute such as a user id")
	check("layer name", func(x *Experiments) { x.Layers[0].Name = "" }, "layer 0: name: the layer has no name; give it one")
	check("layer names", func(x *Experiments) { x.Layers[1].Name = "search" }, "layer 1: name: layers 0 and 1 are both named `search`; rename one of them")
	check("layer salts", func(x *Experiments) { x.Layers[1].Salt = "search" },
		"layer 1: salt: layers `search` and `look` have the same salt, so every unit has the same slot in both; give one of them another salt")
	check("holdout names", func(x *Experiments) { x.Holdouts = append(x.Holdouts, x.Holdouts[0], Holdout{By: "os"}) },
		"holdout 1: name: holdouts 0 and 1 are both named `q4`; rename one of them", "holdout 2: name: the holdout has no name; give it one")
	check("long names are long salts", func(x *Experiments) { x.Layers[0].Name = strings.Repeat("n", 129) },
		"layer 0: name: a name of 129 bytes, more than 128; shorten it")
	check("exposures", func(x *Experiments) {
		x.Experiments[0].ExcludeExposed = []Exposure{
			{}, {By: "user", Salt: "a\x00", Slots: []SlotRange{{9, 8}, {-1, 3}}}, {By: "os", Salt: "a", Slots: []SlotRange{{0, 9999}}},
		}
	},
		"experiment 0: exclude_exposed 0: it does not say which layer the units were exposed in; add the salt that the layer had",
		"experiment 0: exclude_exposed 0: it does not say which slots; add the slots of the experiment that they were exposed to",
		"experiment 0: exclude_exposed 1: a zero byte in a salt; remove it: it parts salt and unit in the hash",
		"experiment 0: exclude_exposed 1: unknown attribute `user`; did you mean `userid`?",
		"experiment 0: exclude_exposed 1: slots 9-8 are in reversed order; write 8-9",
		"experiment 0: exclude_exposed 1: slots -1-3 are not all there: a layer has 10000; use 0 to 9999")
}

func checkSlots(check errorCheck, add func(x *Experiments, layer int, slots ...SlotRange) *Experiment) {
	check("reversed", func(x *Experiments) { x.Experiments[0].Slots[1] = SlotRange{949, 900} },
		"experiment 0: slots 1: slots 949-900 are in reversed order; write 900-949")
	check("outside", func(x *Experiments) { x.Experiments[0].Slots[1] = SlotRange{9999, 10_000} },
		"experiment 0: slots 1: slots 9999-10000 are not all there: a layer has 10000; use 0 to 9999")
	check("twice", func(x *Experiments) { x.Experiments[0].Slots[1] = SlotRange{499, 499} },
		"experiment 0: slots 1: slots 499 overlap slots 0-499 of the same experiment; name every slot once")
	check("overlap", func(x *Experiments) { add(x, 0, SlotRange{500, 599}, SlotRange{890, 1000}) },
		"experiment 2: slots 1: slots 890-1000 of `three` overlap slots 900-949 of `one` in layer `search`; use slots that are free: 600-889, 1001-9999")
	check("overlap of two", func(x *Experiments) { add(x, 0, SlotRange{0, 9999}) },
		"experiment 2: slots 0: slots 0-9999 of `three` overlap slots 0-499 of `one` in layer `search`; no slot of the layer is free: archive an experiment that is over, or add a layer")
	check("overlap in a full layer", func(x *Experiments) { add(x, 1, SlotRange{7, 7}) },
		"experiment 2: slots 0: slots 7 of `three` overlap slots 0-9999 of `two` in layer `look`; no slot of the layer is free: archive an experiment that is over, or add a layer")
	check("many free ranges", func(x *Experiments) {
		x.Experiments[0].Slots = []SlotRange{{1, 1}, {3, 3}, {5, 5}, {7, 7}, {9, 9}}
		add(x, 0, SlotRange{9, 9})
	}, "experiment 2: slots 0: slots 9 of `three` overlap slots 9 of `one` in layer `search`; use slots that are free: 0, 2, 4, 6, and more")
	check("paused ones keep their slots", func(x *Experiments) {
		x.Experiments[0].Active = false
		add(x, 0, SlotRange{0, 0})
	}, "experiment 2: slots 0: slots 0 of `three` overlap slots 0-499 of `one` in layer `search`; use slots that are free: 500-899, 950-9999")
	check("archived ones do not", func(x *Experiments) {
		x.Experiments[0].Active, x.Experiments[0].Forceable = false, false
		add(x, 0, SlotRange{0, 9999})
	})
	check("archived ones are checked", func(x *Experiments) {
		e := add(x, 0, SlotRange{0, 9999}, SlotRange{1, 1})
		e.Active, e.Forceable = false, false
	}, "experiment 2: slots 1: slots 1 overlap slots 0-9999 of the same experiment; name every slot once")
	check("neighbours", func(x *Experiments) { add(x, 0, SlotRange{500, 899}, SlotRange{950, 9999}) })
	check("no slots", func(x *Experiments) { x.Experiments[0].Slots = nil })
}

func checkVariants(check errorCheck) {
	check("variant names", func(x *Experiments) {
		x.Experiments[0].Variants = []Variant{{Name: "A", Weight: 1}, {Name: "A"}, {}, {Name: "a=b"}}
	},
		"experiment 0: variants 1: variants 0 and 1 are both named `A`; rename one of them",
		"experiment 0: variants 2: the variant has no name; give it one",
		"experiment 0: variants 3: '=' in the name of the variant `a=b`; use letters, digits, `_`, `.` and `-`")
	check("no weight", func(x *Experiments) { x.Experiments[0].Variants = []Variant{{Name: "A"}, {Name: "B"}} },
		"experiment 0: weight: no variant of `one` has weight; give one a weight above 0, or pause the experiment")
	check("too many variants", func(x *Experiments) { x.Experiments[0].Variants = make([]Variant, 101) },
		"experiment 0: variants: 101 variants, more than 100; remove some")
	force := func(x *Experiments, experiment, variant int, units ...string) {
		x.Experiments[experiment].Variants[variant].Force = units
	}
	check("force", func(x *Experiments) { force(x, 0, 1, "", "alice", strings.Repeat("u", 257)) },
		"experiment 0: force 1: a forced unit of 0 bytes can never be met; use values of 1 to 256 bytes",
		"experiment 0: force 1: a forced unit of 257 bytes can never be met; use values of 1 to 256 bytes")
	check("forced to two", func(x *Experiments) {
		force(x, 0, 0, "alice")
		force(x, 0, 1, "bob", "alice")
		force(x, 1, 1, "alice") // another layer
	}, "experiment 0: force 1: \"alice\" is forced to `one=A` and to `one=B`, which one layer cannot both assign; remove it from one of them")
	check("forced in two of a layer", func(x *Experiments) {
		force(x, 0, 0, "alice")
		force(x, 1, 1, "alice")
		x.Experiments[1].Layer, x.Experiments[1].Slots = 0, nil
	}, "experiment 1: force 1: \"alice\" is forced to `one=A` and to `two=B`, which one layer cannot both assign; remove it from one of them")
	check("forced in an archived one", func(x *Experiments) {
		force(x, 0, 0, "alice")
		force(x, 1, 1, "alice")
		x.Experiments[1].Layer, x.Experiments[1].Active, x.Experiments[1].Forceable = 0, false, false
	})
	check("too many forced", func(x *Experiments) { force(x, 0, 1, make([]string, 10_001)...) },
		"experiment 0: force 1: 10001 forced units, more than 10000; use an audience in a condition for so many")
}

func checkDependencies(check errorCheck, add func(x *Experiments, layer int, slots ...SlotRange) *Experiment) {
	depend := func(x *Experiments, on ...[]int) {
		for i, others := range on {
			x.Experiments[i].DependsOn = others
		}
	}
	check("itself", func(x *Experiments) { depend(x, []int{0}) }, "experiment 0: depends_on 0: `one` depends on itself; remove it")
	check("excludes itself", func(x *Experiments) { x.Experiments[1].Excludes = []int{0, 1} }, "experiment 1: excludes 1: `two` excludes itself; remove it")
	check("both", func(x *Experiments) { depend(x, []int{1}); x.Experiments[0].Excludes = []int{1} },
		"experiment 0: depends_on 0: `one` depends on `two` and excludes it, so it never assigns; remove it from one of them")
	check("excluded by it", func(x *Experiments) { depend(x, []int{1}); x.Experiments[1].Excludes = []int{0} },
		"experiment 0: depends_on 0: `one` depends on `two`, which excludes it, so it never assigns; remove one of them")
	check("of one layer", func(x *Experiments) { add(x, 0).DependsOn = []int{1, 0} },
		"experiment 2: depends_on 1: `three` depends on `one`, and both are in layer `search`, which assigns one of them at most; put one of them into another layer")
	check("cycle", func(x *Experiments) { depend(x, []int{1}, []int{0}) },
		"experiment 0: depends_on 0: dependency cycle: one -> two -> one; remove one of these dependencies")
	third := func(x *Experiments) {
		x.Layers = append(x.Layers, Layer{Name: "third", By: "userid", Holdout: -1})
		add(x, 2)
	}
	check("cycle of three", func(x *Experiments) { third(x); depend(x, []int{2}, []int{0}, []int{1}) },
		"experiment 0: depends_on 0: dependency cycle: one -> three -> two -> one; remove one of these dependencies")
	check("two cycles", func(x *Experiments) { third(x); depend(x, []int{1}, []int{0, 2}, []int{1}) },
		"experiment 0: depends_on 0: dependency cycle: one -> two -> one; remove one of these dependencies",
		"experiment 1: depends_on 1: dependency cycle: two -> three -> two; remove one of these dependencies")
	check("a way into a cycle", func(x *Experiments) { third(x); depend(x, []int{2}, []int{2}, []int{1}) },
		"experiment 1: depends_on 0: dependency cycle: two -> three -> two; remove one of these dependencies")
	check("no cycle", func(x *Experiments) { third(x); depend(x, []int{2, 1}, []int{2}) })
	check("a long cycle", func(x *Experiments) {
		for i := range 20 {
			x.Layers = append(x.Layers, Layer{Name: strings.Repeat("l", i+1), By: "userid", Holdout: -1})
			e := add(x, 2+i)
			e.Name, e.DependsOn = strings.Repeat("e", i+1), []int{2 + (i+1)%20}
		}
	}, "experiment 2: depends_on 0: dependency cycle: e -> ee -> eee -> eeee -> eeeee -> eeeeee -> eeeeeee -> eeeeeeee -> ... -> e; remove one of these dependencies")
}
