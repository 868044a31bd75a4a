package match

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// PPM is the number of buckets: a share is counted in parts per million, 1 % is 10,000.
const PPM = 1_000_000

// Bucket places a unit: hi64(xxh64(salt ‖ 0x00 ‖ unit) × 1,000,000), a number in [0, PPM), seed 0.
//
// The salt includes its role ("rule:ramp"). The unit is taken byte for byte; a caller that follows the rules for
// missing units (empty, or longer than [MaxUnitBytes]) does not ask for their bucket. The result depends on nothing
// else, so it is the same after a restart, on another machine, and wherever the rule stands in its file. It allocates
// nothing and keeps neither argument.
func Bucket(salt string, unit []byte) uint32 {
	var buf [512]byte
	if len(salt)+1+len(unit) <= len(buf) {
		n := copy(buf[:], salt)
		buf[n] = 0
		n++
		n += copy(buf[n:], unit)
		return bucketOf(xxhash.Sum64(buf[:n]))
	}
	var d xxhash.Digest
	d.Reset()
	d.WriteString(salt)
	d.Write(zeroByte[:])
	d.Write(unit)
	return bucketOf(d.Sum64())
}

// zeroByte parts salt and unit, so that ("ab","c") and ("a","bc") are different; no salt may contain it.
var zeroByte [1]byte

// bucketOf maps a hash onto the buckets by multiply-shift: no modulo bias, no division.
func bucketOf(hash uint64) uint32 {
	hi, _ := bits.Mul64(hash, PPM)
	return uint32(hi)
}
