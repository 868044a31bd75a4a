package probes

// shedder decides from samples whether the machine is strained or even saturated, and which share of the requests is refused. It is
// pure: one step for each sample.
//
// Strained is the stage before: clients are sent to other instances while everybody is still served. It begins when a value
// has been near its bound (within 5 %; memory 3 %) for two samples, so a sample before the other stage however steep the load rises, and
// ends when all are as far again below that. Saturated is never without it.
//
// CPU and run queue answer at once to what is let in, so a share is let in that an integral controller finds. What is
// over is felt only as "over" (a core cannot be used more than wholly), so while it lasts the steps grow: 3 % of what is let
// in, then half as much again with each sample, at most 20 %. Load of three times the capacity is shed within a second and a half.
// Below the bound what is let in grows again, by 1 % of itself a sample just below it and by up to 5 % far below. Small steps
// near the bound and large ones far from it are what keeps the share from swinging.
//
// Memory does not answer to what is let in within any time that a controller could wait for, and an integral would only
// run up to its end. So its share is proportional: none at the bound, [MaxShed] when all is used, moved towards by small steps.
//
// Saturated begins when a value has been at its bound for three samples, and ends when nothing is refused any more
// and all are clearly below (5 %; memory 3 %).
type shedder struct {
	cpu, queue smooth
	near, over int     // samples in a row near a bound or above, and at or above a bound
	refuse     float64 // share refused because of CPU and run queue
	withhold   float64 // share refused because of memory
	step       float64 // the last one down, a factor's distance from 1
	strained   Saturation
	saturated  Saturation
}

// Saturation names what is saturated, or strained.
type Saturation uint8

// What can be saturated or strained. The names are those of the config.
const (
	Unsaturated Saturation = iota
	SaturatedCPU
	SaturatedMemory
	SaturatedRunQueue
)

var saturations = [...]string{"", "cpu", "memory", "run_queue"}

func (s Saturation) String() string { return saturations[s] }

// readings are one sample: shares from 0 to 1 and tasks per core. What could not be read is 0.
type readings struct{ cpu, memory, queue float64 }

const (
	smoothing     = 0.4  // weight of a new sample: a jiffy is 10 ms, so one sample of two cores has steps of 5 %
	strainSamples = 2    // of three for the next stage; one sample may be anything
	enterSamples  = 3    // a burst shorter than this is what queues are there for
	leaveBelow    = 0.05 // distance below the bound, as a share of it: there saturation ends and strain begins, at twice that it ends
	leaveMemory   = 0.03
	firstStep     = 0.03
	stepGrowth    = 1.5
	largestStep   = 0.20
	growNear      = 0.01
	growFar       = 0.05
	farBelow      = 0.5 // share of the bound at which what is let in grows fastest
	memoryRise    = 0.05
	memoryFall    = 0.01
	wholly        = 0.995 // let in: as good as all
	largestRefuse = MaxShed / 1e6
)

// take takes in a sample and gives the share to refuse.
func (s *shedder) take(o *Overload, r readings) float64 {
	cpu := excess(s.cpu.add(r.cpu), float64(o.CPU)/1e6, 1)
	queue := excess(s.queue.add(r.queue), o.RunQueue, 2*o.RunQueue)
	memory := excess(r.memory, float64(o.Memory)/1e6, 1)

	load, what := cpu, SaturatedCPU
	if queue > load {
		load, what = queue, SaturatedRunQueue
	}
	s.strain(load, what, memory)
	if load >= 0 || memory >= 0 {
		s.over++
	} else {
		s.over = 0
	}
	if s.saturated == Unsaturated && s.over >= enterSamples {
		s.saturated = what
		if load < 0 {
			s.saturated = SaturatedMemory
		}
	}
	if s.saturated != Unsaturated {
		s.control(load)
		s.hold(memory)
		switch {
		case load >= 0:
			s.saturated = what
		case memory >= 0:
			s.saturated = SaturatedMemory
		case s.refuse == 0 && s.withhold == 0 && load < -leaveBelow && memory < -leaveMemory:
			s.saturated = Unsaturated
		}
	}
	return max(s.refuse, s.withhold)
}

// strain is the stage before.
func (s *shedder) strain(load float64, what Saturation, memory float64) {
	busy, filled := load >= -leaveBelow, memory >= -leaveMemory
	if busy || filled {
		s.near++
	} else {
		s.near = 0
	}
	switch {
	case s.near >= strainSamples && busy:
		s.strained = what
	case s.near >= strainSamples:
		s.strained = SaturatedMemory
	case s.saturated == Unsaturated && load < -2*leaveBelow && memory < -2*leaveMemory:
		s.strained = Unsaturated
	}
}

// control is the integral part.
func (s *shedder) control(load float64) {
	in := 1 - s.refuse
	if load >= 0 {
		s.step = min(max(s.step*stepGrowth, firstStep), largestStep)
		in *= 1 - s.step*max(load, 0.25)
	} else {
		s.step = 0
		in *= 1 + growNear + (growFar-growNear)*min(-load/farBelow, 1)
	}
	if in >= wholly {
		in = 1
	}
	s.refuse = min(1-in, largestRefuse)
}

// hold is the proportional part.
func (s *shedder) hold(memory float64) {
	want := largestRefuse * max(memory, 0)
	s.withhold = min(max(want, s.withhold-memoryFall), s.withhold+memoryRise)
}

// excess is how far a value lies above its bound, as a share of the way to where it can go no further, or below, as a
// negative share of the bound. A bound of 0 is none.
func excess(value, bound, end float64) float64 {
	switch {
	case bound <= 0:
		return -1
	case value < bound:
		return (value - bound) / bound
	case end <= bound:
		return 0
	}
	return min((value-bound)/(end-bound), 1)
}

// smooth is an exponential mean that begins with its first value.
type smooth struct {
	value float64
	begun bool
}

func (s *smooth) add(v float64) float64 {
	if !s.begun {
		s.value, s.begun = v, true
	}
	s.value += smoothing * (v - s.value)
	return s.value
}
