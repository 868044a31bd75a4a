package testkit

import "graygate/internal/testkit/race"

// Race reports whether the race detector is on. It makes sync.Pool forget things at random, so that allocations cannot be counted.
const Race = race.On
