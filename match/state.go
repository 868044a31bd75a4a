package match

// State is what deciding keeps between requests: for each rule with `by: request`, how far its share has filled up; and
// room to work. Each event loop has its own for each rule set and each experiment set. It is not safe for concurrent use.
type State struct {
	rules     *RuleSet   // that it was made by, or
	assigning *assigning // of the experiment set that it was made by

	// fill is by place in program.sequence, each below PPM. Every request that comes to the rule adds the share; where that
	// overflows, the request is in. Hence the requests that are in lie as evenly as they can: of any n consecutive ones
	// that come to the rule, n × share are in, rounded up or down.
	fill []uint32

	unitless []uint32 // see Unitless; its room is for all rules with a share of units

	// What the index works on: words of a run, what the columns say, and the rules of a block that are left, a bit each.
	words   [chunkWords]uint64
	vectors [maxColumns]vector
	left    [blockRules / 64]uint64
	united  map[uint32][]uint64 // by list register: room for a vector

	hashed [len(ruleRole) + MaxSaltBytes + 1 + MaxUnitBytes]byte // salt and unit, for one hash call
}

// NewState makes the state of one event loop. Each share begins half full, so that many short-lived states (a reload makes
// new ones) together come to the right share, where an empty start would make it too small.
func (rs *RuleSet) NewState() *State {
	n := len(rs.prog.sequence)
	// Whole cache lines, so that no other loop's state shares one.
	st := &State{rules: rs, fill: make([]uint32, n, (n+15)&^15), unitless: make([]uint32, 0, (rs.prog.unitary+15)&^15)}
	for i := range st.fill {
		st.fill[i] = PPM / 2
	}
	if x := rs.prog.index; x != nil {
		for _, c := range x.columns {
			if c.isList {
				if st.united == nil {
					st.united = map[uint32][]uint64{}
				}
				st.united[c.reg] = make([]uint64, len(x.full))
			}
		}
	}
	return st
}

// Unitless gives the rules that the last [RuleSet.Decide] came to and that a missing unit alone kept from matching: the condition was
// met, and the value to be hashed is missing or longer than [MaxUnitBytes]. They are in order, each before the rule that matched. A rule
// of 0 % takes nobody, so it is never among them. Borrowed until the next Decide.
func (st *State) Unitless() []uint32 { return st.unitless }

// UnitlessLayers has a bit for every layer in which the last [ExperimentSet.Assign] assigned nothing for [ReasonMissingUnit].
func (st *State) UnitlessLayers() uint64 { return st.assigning.unitless }

// next tells whether this request is in share i of ppm.
func (st *State) next(i, ppm uint32) bool {
	f := st.fill[i] + ppm
	in := f >= PPM
	if in {
		f -= PPM
	}
	st.fill[i] = f
	return in
}
