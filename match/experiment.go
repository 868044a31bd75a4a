package match

// Experiments is all of one tenant's experiments with what they stand in. Indexes in it are into its own slices.
type Experiments struct {
	Layers      []Layer      // at most [MaxLayers]
	Holdouts    []Holdout    // at most [MaxHoldouts]
	Experiments []Experiment // at most [MaxExperiments]
}

// Layer is a set of experiments that exclude one another: each of its [Slots] belongs to one of them at most. A unit has
// the same slot in it on every request, and slots in different layers are independent of one another.
type Layer struct {
	Name    string // not empty
	By      string // the unit: an attribute
	Salt    string // "" is Name; the role "layer:" is added; at most [MaxSaltBytes]
	Holdout int    // of all its experiments; -1 is none
}

// Holdout is a share of units that experiments leave alone.
type Holdout struct {
	Name string // not empty
	By   string // the unit: an attribute
	Salt string // "" is Name; the role "holdout:" is added; at most [MaxSaltBytes]
	PPM  uint32 // parts per million, 0 to [PPM]
}

// SlotRange is a range of a layer's slots, both ends included: 0 <= First <= Last < [Slots].
type SlotRange struct{ First, Last int }

// Exposure is a place in a layer of the past, by the salt that it had: units there are not taken. Nothing has to be stored
// for that: the slot that a unit had is computed again.
type Exposure struct {
	By    string      // the unit of that layer; "" is that of the experiment's own
	Salt  string      // of that layer, without its role; not empty
	Slots []SlotRange // not empty
}

// Experiment is one experiment.
type Experiment struct {
	Name           string // of letters, digits, '_', '.' and '-', at most [MaxExperimentNameBytes]
	Salt           string // "" is Name; the role "exp:" is added; at most [MaxSaltBytes]
	Layer          int
	Slots          []SlotRange // none: only forced units are in it
	Active         bool        // units are assigned
	Forceable      bool        // variants may be forced although it is not active; without Active and this it is archived
	From, Until    int64       // nanoseconds since 1970 UTC; 0 is open; From is in, Until is not
	When           string      // condition; "" is true for every request
	Variants       []Variant   // 1 to [MaxVariants]
	Holdout        int         // besides its layer's; -1 is none
	DependsOn      []int       // all of these must have assigned the request
	Excludes       []int       // none of these may have; it holds both ways
	Routes         []int       // numbers of routes; nil is all
	ExcludeExposed []Exposure
}

// archived tells whether the experiment is over: its slots are free, and nobody is in it.
func (e *Experiment) archived() bool { return !e.Active && !e.Forceable }

// Variant is one arm of an experiment.
type Variant struct {
	Name   string   // as the experiment's
	Weight uint32   // relative to the others; 0 is never chosen
	Force  []string // units of the layer that always get this variant, at most [MaxForcedUnits]
}

// Slots is the number of slots of a layer.
const Slots = 10_000
