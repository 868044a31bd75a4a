package match

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
	"unsafe"
)

// slot is one value of a request: of an attribute, or of an expression that a rule set computes.
//
// num makes values comparable without knowing their type: of two values of one type, the one with the lower num is the
// lower. For numbers, and for IP together with high, an equal num is an equal value.
type slot struct {
	text  []byte // as it came; of a computed number nil
	num   uint64 // Int, Float, Bool and time: the value by order; Version: its key; IP: the low half; texts: the first bytes
	high  uint64 // IP: the high half
	core  uint16 // Version: bytes of text before the pre-release
	pre   uint16 // Version: bytes of the pre-release
	stamp uint32 // the generation of its Attributes if missing, that + 1 if present, else not known yet
}

// parse reads text as a value of a type. False: it is none.
func (v *slot) parse(t Type) (ok bool) {
	switch t {
	case Version:
		var ver version
		if ver, ok = parseVersion(v.text); ok {
			v.setVersion(&ver)
		}
	case Int:
		var n int64
		n, ok = parseInt(v.text)
		v.num = orderInt(n)
	case Float:
		var f float64
		f, ok = parseFloat(v.text)
		v.num = orderFloat(f)
	case Bool:
		v.num, ok = parseBool(v.text)
	case IP:
		v.high, v.num, ok = parseIP(v.text)
	case List:
		_, rest := nextElement(v.text)
		ok = rest != nil
	default:
		v.num, ok = textKey(v.text), true
	}
	return ok
}

// textKey gives the first eight bytes of a text as a number: of two texts the lower has not the higher key.
func textKey[T string | []byte](text T) (key uint64) {
	if len(text) >= 8 {
		_ = text[7]
		return uint64(text[0])<<56 | uint64(text[1])<<48 | uint64(text[2])<<40 | uint64(text[3])<<32 |
			uint64(text[4])<<24 | uint64(text[5])<<16 | uint64(text[6])<<8 | uint64(text[7])
	}
	for i := range len(text) {
		key |= uint64(text[i]) << (56 - 8*i)
	}
	return key
}

// keyBytes is how many bytes of a text are in its key.
const keyBytes = 8

// equalText tells whether the slot holds a text whose key is known: most differ in it, and up to eight bytes are all in it.
func (v *slot) equalText(text string, key uint64) bool {
	return v.num == key && len(v.text) == len(text) && (len(text) <= keyBytes || string(v.text) == text)
}

// hasPrefix tells whether the slot's text begins with a text whose key is known.
func (v *slot) hasPrefix(text string, key uint64) bool {
	if n := len(text); n <= keyBytes {
		return len(v.text) >= n && (v.num^key)>>(64-8*n) == 0 // a shift by all 64 bits gives 0
	}
	return v.num == key && len(v.text) >= len(text) && string(v.text[:len(text)]) == text
}

func (v *slot) setVersion(ver *version) {
	v.num, v.core, v.pre = ver.key, uint16(len(ver.core)), uint16(len(ver.pre))
}

// version gives the version whose text the slot holds.
func (v *slot) version() version {
	pre := v.text[v.core:]
	if v.pre > 0 {
		pre = pre[1 : 1+v.pre]
	} else {
		pre = nil
	}
	return version{core: v.text[:v.core], pre: pre, key: v.num}
}

// compareVersion orders the slot's version against another: nearly always by key alone.
func (v *slot) compareVersion(w *version) int {
	if v.num != w.key {
		if v.num < w.key {
			return -1
		}
		return 1
	}
	own := v.version()
	return own.compare(w)
}

// compareSlots orders the versions of two slots.
func (v *slot) compareSlots(w *slot) int {
	other := w.version()
	return v.compareVersion(&other)
}

const signBit = 1 << 63

// orderInt maps integers to unsigned ones, keeping their order.
func orderInt(n int64) uint64 { return uint64(n) ^ signBit }

func intOf(num uint64) int64 { return int64(num ^ signBit) }

// orderFloat maps finite numbers to unsigned ones, keeping their order; -0 is 0.
func orderFloat(f float64) uint64 {
	b := math.Float64bits(f + 0)
	if b&signBit != 0 {
		return ^b
	}
	return b | signBit
}

func floatOf(num uint64) float64 {
	if num&signBit != 0 {
		return math.Float64frombits(num &^ signBit)
	}
	return math.Float64frombits(^num)
}

// isFinite tells whether f is a number: results that are not count as missing.
func isFinite(f float64) bool { return f-f == 0 }

// parseInt reads decimal digits with an optional sign.
func parseInt(b []byte) (n int64, ok bool) {
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	if len(digits) == 0 || len(b) > maxNumberBytes || !allDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// parseFloat reads a decimal number; "inf", "nan", hexadecimal ones and underscores are none.
func parseFloat(b []byte) (f float64, ok bool) {
	if len(b) == 0 || len(b) > maxNumberBytes {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) && c != '.' && c != '-' && c != '+' && c|0x20 != 'e' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil
}

func parseBool(b []byte) (num uint64, ok bool) {
	switch {
	case len(b) == 1 && (b[0] == '0' || b[0] == '1'):
		return uint64(b[0] - '0'), true
	case equalFold(b, "true"):
		return 1, true
	}
	return 0, equalFold(b, "false")
}

func parseIP(b []byte) (high, low uint64, ok bool) {
	if i := bytes.IndexByte(b, '%'); i > 0 && i < len(b)-1 && bytes.IndexByte(b, ':') >= 0 {
		b = b[:i] // a zone says which of the client's interfaces, nothing to us
	}
	if len(b) == 0 || len(b) > maxAddressBytes {
		return 0, 0, false
	}
	// A copy would be allocated, since an error keeps its text; this error is dropped, and an address without zone keeps none.
	ip, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	if err != nil {
		return 0, 0, false
	}
	high, low = halves(ip)
	return high, low, true
}

// halves gives an address as two numbers; an IPv4 address is the IPv6 one that it is mapped to (RFC 4291 section 2.5.5.2).
func halves(ip netip.Addr) (high, low uint64) {
	b := ip.As16()
	for i := range 8 {
		high = high<<8 | uint64(b[i])
		low = low<<8 | uint64(b[i+8])
	}
	return high, low
}

// nextElement gives the first text of a list and what stands behind its comma. rest is nil only when the list has no more
// text: then there is no element either.
func nextElement(list []byte) (element, rest []byte) {
	for len(list) > 0 {
		end := bytes.IndexByte(list, ',')
		next := list[len(list):]
		element = list
		if end >= 0 {
			element, next = list[:end], list[end+1:]
		}
		if element = trimBlanks(element); len(element) > 0 {
			return element, next
		}
		list = next
	}
	return nil, nil
}

// inList tells whether a list has a text among its elements.
func inList[T string | []byte](list []byte, text T) bool {
	for {
		element, rest := nextElement(list)
		if rest == nil {
			return false
		}
		if string(element) == string(text) {
			return true
		}
		list = rest
	}
}
