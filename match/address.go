package match

import (
	"net/netip"
	"slices"
)

// addressSet is a set of IP addresses as ranges, sorted and without overlap. It is immutable.
type addressSet struct{ ranges []addressRange }

// addressRange is from first to last, both included.
type addressRange struct{ first, last address }

// address is an IPv6 address, or an IPv4 address as it is mapped.
type address struct{ high, low uint64 }

func (a address) less(b address) bool { return a.high < b.high || a.high == b.high && a.low < b.low }

// next gives the address behind a; the last one has none and gives itself.
func (a address) next() address {
	if a.low++; a.low == 0 {
		a.high++
	}
	return a
}

// firstMapped and lastMapped are ::ffff:0:0/96, where IPv4 addresses are.
var (
	firstMapped = address{0, 0xffff_0000_0000}
	lastMapped  = address{0, 0xffff_ffff_ffff}
)

// newAddressSet makes a set of networks; a single address is a network of its full length. An IPv6 network never holds
// IPv4 addresses, whatever its length.
func newAddressSet(networks []netip.Prefix) *addressSet {
	var ranges []addressRange
	for _, n := range networks {
		r := rangeOf(n)
		if n.Addr().Is6() && !firstMapped.less(r.first) && !r.last.less(lastMapped) {
			if r.first != firstMapped {
				ranges = append(ranges, addressRange{r.first, address{0, firstMapped.low - 1}})
			}
			r.first = lastMapped.next()
		}
		ranges = append(ranges, r)
	}
	slices.SortFunc(ranges, func(a, b addressRange) int {
		if a.first.less(b.first) {
			return -1
		}
		if b.first.less(a.first) {
			return 1
		}
		return 0
	})
	s := &addressSet{}
	for _, r := range ranges {
		if n := len(s.ranges); n > 0 && !s.ranges[n-1].last.less(r.first) {
			if s.ranges[n-1].last.less(r.last) {
				s.ranges[n-1].last = r.last
			}
			continue
		}
		s.ranges = append(s.ranges, r)
	}
	return s
}

func rangeOf(n netip.Prefix) addressRange {
	high, low := halves(n.Masked().Addr())
	bits := n.Bits()
	if n.Addr().Is4() {
		bits += 96
	}
	first := address{high, low}
	last := first
	if bits <= 64 {
		last.low = ^uint64(0)
		last.high |= ^uint64(0) >> bits // a shift by 64 gives 0
	} else {
		last.low |= ^uint64(0) >> (bits - 64)
	}
	return addressRange{first, last}
}

// contains tells whether the address of a slot is in the set.
func (s *addressSet) contains(v *slot) bool {
	a := address{v.high, v.num}
	lo, hi := 0, len(s.ranges)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.ranges[mid].last.less(a) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(s.ranges) && !a.less(s.ranges[lo].first)
}
