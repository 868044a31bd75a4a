//go:build !race

// Package race tells whether the race detector is on. It imports nothing, so the tests of any package may ask it.
package race

// On: the detector makes sync.Pool forget things at random, so that allocations cannot be counted.
const On = false
