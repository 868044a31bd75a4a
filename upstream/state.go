package upstream

import "fmt"

// State is how one endpoint stands: what probes, its breaker, the outlier detection and the config say of it, joined.
type State uint8

// The states. The first three are asked; BreakerHalfOpen is asked for its trials only; the others are not asked, unless there is
// nobody else and the pool is the last resort.
const (
	Healthy         State = iota
	Unprobed              // it will be probed, and no probe has come back yet
	Warming               // it came back a short time ago: its share of requests grows to the full one (slow start)
	BreakerHalfOpen       // its breaker lets trials through
	BreakerOpen           // its breaker lets nothing through
	Ejected               // it fails more than is right, or than its neighbours do
	Unhealthy             // probes say so
	Draining              // weight 0, or no longer in the config or found; what is in flight finishes
)

var stateWords = [...]string{"healthy", "unprobed", "warming", "half_open", "open", "ejected", "unhealthy", "draining"}

// String gives the state's stable word, as in events, metrics and JSON.
func (s State) String() string { return stateWords[s] }

// MarshalText writes the stable word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a stable word.
func (s *State) UnmarshalText(text []byte) error {
	for i, word := range stateWords {
		if word == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no state of an endpoint", text)
}

// able reports whether requests are sent in this state, trials left aside.
func (s State) able() bool { return s <= Warming }
