package match

import "bytes"

// version is a parsed version: two views into the text it came from. Its grammar is
//
//	digits *("." digits) ["-" identifier *("." identifier)] ["+" identifier *("." identifier)]
//
// with identifiers of [0-9A-Za-z-]: Semantic Versioning 2.0.0 with any number of numeric parts, and leading zeros
// allowed (2024.01.05 is a version that people use). Build metadata is checked and dropped.
type version struct {
	core []byte // "17.0.1"
	pre  []byte // "beta.2", empty for a release

	// key orders most versions by itself: the first four parts, 16 bits each. A part too large for that is all ones, and
	// the parts behind it are 0. So where two keys differ their order is that of the versions; where they are the same, it
	// is still open.
	key uint64
}

// parseVersion reads a version; ok is false for anything else: a leading "v", spaces, empty parts, more than
// [MaxVersionBytes]. The result borrows b.
func parseVersion(b []byte) (v version, ok bool) {
	if len(b) == 0 || len(b) > MaxVersionBytes {
		return version{}, false
	}
	i, digits, part, shift := 0, 0, uint64(0), 48
	put := func() { // the part that ends here, into the key
		if shift >= 0 {
			v.key |= part << shift
		}
		shift -= 16
		if part == maxKeyPart {
			shift = -1 // what follows cannot count
		}
		digits, part = 0, 0
	}
	for ; i < len(b); i++ {
		if c := b[i]; isDigit(c) {
			digits++
			part = min(part*10+uint64(c-'0'), maxKeyPart)
		} else if c == '.' && digits > 0 {
			put()
		} else {
			break
		}
	}
	if digits == 0 {
		return version{}, false
	}
	put()
	v.core, b = b[:i], b[i:]
	if len(b) > 0 && b[0] == '-' {
		end := bytes.IndexByte(b, '+')
		if end < 0 {
			end = len(b)
		}
		v.pre, b = b[1:end], b[end:]
		if !validIdentifiers(v.pre) {
			return version{}, false
		}
	}
	if len(b) > 0 && (b[0] != '+' || !validIdentifiers(b[1:])) {
		return version{}, false
	}
	return v, true
}

// maxKeyPart stands in a version's key for every part that is as large or larger.
const maxKeyPart = 1<<16 - 1

// compare orders two versions: -1, 0 or 1. Missing numeric parts count as 0; pre-releases follow SemVer 2.0.0
// section 11, which also puts a pre-release before its release.
func (v *version) compare(w *version) int {
	switch {
	case v.key < w.key:
		return -1
	case v.key > w.key:
		return 1
	}
	a, b := v.core, w.core
	for len(a) > 0 || len(b) > 0 {
		var x, y []byte
		x, a = nextPart(a)
		y, b = nextPart(b)
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	switch {
	case len(v.pre) == 0 && len(w.pre) == 0:
		return 0
	case len(v.pre) == 0:
		return 1
	case len(w.pre) == 0:
		return -1
	}
	return comparePre(v.pre, w.pre)
}

// comparePre compares identifier by identifier: numbers numerically and below words, words by ASCII, and of two that
// agree as far as they go the longer one is the greater.
func comparePre(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		var x, y []byte
		x, a = nextPart(a)
		y, b = nextPart(b)
		xn, yn := allDigits(x), allDigits(y)
		c := 0
		switch {
		case xn && yn:
			c = compareNumbers(x, y)
		case xn:
			c = -1
		case yn:
			c = 1
		default:
			c = bytes.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	switch {
	case len(a) > 0:
		return 1
	case len(b) > 0:
		return -1
	}
	return 0
}

// nextPart cuts the bytes before the first dot from b. For an empty b both results are empty.
func nextPart(b []byte) (part, rest []byte) {
	for i, c := range b {
		if c == '.' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// compareNumbers compares decimal digits of any length without converting them, so that nothing can overflow. No
// digits at all are 0.
func compareNumbers(a, b []byte) int {
	for len(a) > 0 && a[0] == '0' {
		a = a[1:]
	}
	for len(b) > 0 && b[0] == '0' {
		b = b[1:]
	}
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	}
	return bytes.Compare(a, b)
}

// validIdentifiers tells whether b is a dot-separated list of SemVer identifiers, none of them empty.
func validIdentifiers(b []byte) bool {
	n := 0
	for _, c := range b {
		switch {
		case c == '.':
			if n == 0 {
				return false
			}
			n = 0
		case isDigit(c) || isLetter(c) || c == '-':
			n++
		default:
			return false
		}
	}
	return n > 0
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
