//go:build race

package race

// On: the detector makes sync.Pool forget things at random, so that allocations cannot be counted.
const On = true
