package audience

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// A record is a member as a set stores it: a code, which tells how the member was packed and how long the record is, and
// what it was packed into. Packing is reversible, so that equal records are equal members. Of the packings that a
// member's bytes allow the first of this list is taken:
//
//	code            member                                        packed into
//	1 to 8          decimal number below 2^64, no leading zero    that many bytes, the fewest that hold it
//	9, 10           UUID, 8-4-4-4-12, lower case or upper case    16 bytes
//	11 to 41        4, 6, ... 64 lower case hexadecimal digits    2 to 32 bytes
//	42 to 103       3 to 64 of a-z 0-9 @ . - _                    2 bytes for 3 characters, as 3 digits of base 40
//	                the same with an ending that was learned      2 bytes for the ending, counted as 3 characters
//	104 to 253      1 to 150 bytes                                themselves
//	254             151 to 256 bytes                              a byte with their number less 151, and themselves
//
// Code 0 is no record: it ends a bucket.
const (
	codeEnd   = 0
	codeInt   = 1
	codeLower = 9
	codeUpper = 10
	codeHex   = 11
	codeText  = 42
	codePlain = 104
	codeLong  = 254

	minHex, maxHex   = 2, 32 // bytes
	minText, maxText = 3, 64 // characters
	minLong          = 151

	uuidBytes = 16
	uuidText  = 36
	maxDigits = 20 // of a number below 2^64

	// maxRecord is the length of the longest record.
	maxRecord = 2 + MaxMemberBytes
)

// record is room for any member's record, shortRecord for that of a member of up to 64 bytes.
type (
	record      [8 + MaxMemberBytes]byte
	shortRecord [8 + maxText]byte
)

// invalid is what a byte has that is no digit. Digits, all below 64, never add up to it by OR.
const invalid = 0xff

const textAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789@.-_"

const base = uint16(len(textAlphabet))

// firstEnding is the first number of 2 bytes that three digits of base 40 do not give: those from there on stand for the
// endings that a set has learned.
const (
	firstEnding = base * base * base
	maxEndings  = 1<<16 - int(firstEnding)
	minEnding   = 4 // bytes; a shorter one would save nothing
)

// endings are those parts of members that begin with their last @, the hosts of e-mail addresses. A builder learns the first
// maxEndings that it meets; those that many members share are sure to be among them. Once learned, an ending is
// packed as its number always, so that a member has one record only.
type endings struct {
	texts []string
	slots []uint16 // a hash table of their places in texts, counted from 1; 0: free
}

// endingSlots is how many slots there are: a power of two, of which less than half are ever taken.
const endingSlots = 4096

// learn takes a member's ending up.
func (e *endings) learn(member []byte) {
	at := bytes.LastIndexByte(member, '@')
	if at < 0 || len(e.texts) == maxEndings || len(member)-at < minEnding || len(member) > maxText {
		return
	}
	ending := member[at:]
	slot, known := e.slot(ending)
	if known {
		return
	}
	for _, c := range ending {
		if packing.digit[c] == invalid {
			return
		}
	}
	if e.slots == nil {
		e.slots = make([]uint16, endingSlots)
	}
	e.texts = append(e.texts, string(ending))
	e.slots[slot] = uint16(len(e.texts))
}

// slot gives the slot that an ending has, or would take.
func (e *endings) slot(ending []byte) (at uint64, known bool) {
	if e.slots == nil {
		return xxhash.Sum64(ending) % endingSlots, false
	}
	for at = xxhash.Sum64(ending) % endingSlots; e.slots[at] > 0; at = (at + 1) % endingSlots {
		if e.texts[e.slots[at]-1] == string(ending) {
			return at, true
		}
	}
	return at, false
}

// size is about the memory that they take.
func (e *endings) size() int {
	const entry, slot = 16, 2 // a string in the list, a number in the table
	n := entry*cap(e.texts) + slot*len(e.slots)
	for _, text := range e.texts {
		n += len(text)
	}
	return n
}

// find gives the number of a member's ending, and where the ending begins; its length if none was learned.
func (e *endings) find(member []byte) (number uint16, at int) {
	if len(e.texts) > 0 {
		if at = bytes.LastIndexByte(member, '@'); at >= 0 {
			if slot, known := e.slot(member[at:]); known {
				return firstEnding + e.slots[slot] - 1, at
			}
		}
	}
	return 0, len(member)
}

// tables are what packing looks up, by byte.
type tables struct {
	lower [256]byte           // value of a lower case hexadecimal digit, or invalid
	digit [256]byte           // value of a character in base 40, or invalid
	pairs [base * base]uint16 // the characters of two digits of base 40, the first one in the lower byte
	size  [256]uint8          // bytes of a record with that code, of a long one those before its member
}

var packing = makeTables()

func makeTables() *tables {
	t := new(tables)
	for c := range 256 {
		t.lower[c], t.digit[c] = invalid, invalid
	}
	for i, c := range []byte("0123456789abcdef") {
		t.lower[c] = byte(i)
	}
	for i, c := range []byte(textAlphabet) {
		t.digit[c] = byte(i)
	}
	for i, a := range []byte(textAlphabet) {
		for j, b := range []byte(textAlphabet) {
			t.pairs[i*len(textAlphabet)+j] = uint16(a) | uint16(b)<<8
		}
	}
	for n := range 8 {
		t.size[codeInt+n] = uint8(2 + n)
	}
	t.size[codeLower], t.size[codeUpper] = 1+uuidBytes, 1+uuidBytes
	for n := minHex; n <= maxHex; n++ {
		t.size[codeHex+n-minHex] = uint8(1 + n)
	}
	for n := minText; n <= maxText; n++ {
		t.size[codeText+n-minText] = uint8(1 + (n+2)/3*2)
	}
	for n := 1; n < minLong; n++ {
		t.size[codePlain+n-1] = uint8(1 + n)
	}
	t.size[codeLong] = 2
	return t
}

// recordLen is how long the record is that p begins with.
func recordLen(p []byte) int {
	if p[0] == codeLong {
		return 2 + minLong + int(p[1])
	}
	return int(packing.size[p[0]])
}

// encode packs a member of 1 to MaxMemberBytes bytes. The record it gives is a part of buf, which has 8 bytes more than the
// member at least.
func (e *endings) encode(buf []byte, member []byte) []byte {
	n := len(member)
	switch {
	case n == uuidText && member[8] == '-':
		if rec := encodeUUID(buf, member); rec != nil {
			return rec
		}
	case n <= maxDigits && (n == 1 || member[0] != '0'):
		if rec := encodeInt(buf, member); rec != nil {
			return rec
		}
	}
	if n <= 2*maxHex {
		if n%2 == 0 && n >= 2*minHex {
			if rec := encodeHex(buf, member); rec != nil {
				return rec
			}
		}
		if n >= minText {
			if rec := e.encodeText(buf, member); rec != nil {
				return rec
			}
		}
	}
	return encodePlain(buf, member)
}

// encodeInt packs decimal digits; nil if there is another byte, or their value is 2^64 or more.
func encodeInt(buf []byte, member []byte) []byte {
	var v uint64
	for i, c := range member {
		d := uint64(c - '0')
		if d > 9 || i == maxDigits-1 && (v > math.MaxUint64/10 || v == math.MaxUint64/10 && d > math.MaxUint64%10) {
			return nil
		}
		v = v*10 + d
	}
	n := max(1, (bits.Len64(v)+7)/8)
	binary.LittleEndian.PutUint64(buf[1:], v)
	buf[0] = byte(codeInt + n - 1)
	return buf[:1+n]
}

// encodeUUID packs 36 characters; nil if they are no UUID of one case.
func encodeUUID(buf []byte, m []byte) []byte {
	if m[13] != '-' || m[18] != '-' || m[23] != '-' {
		return nil
	}
	text := [4]uint64{
		binary.BigEndian.Uint64(m),
		uint64(binary.BigEndian.Uint32(m[9:]))<<32 | uint64(binary.BigEndian.Uint32(m[14:])),
		uint64(binary.BigEndian.Uint32(m[19:]))<<32 | uint64(binary.BigEndian.Uint32(m[24:])),
		binary.BigEndian.Uint64(m[28:]),
	}
	code := byte(codeLower)
	if hexDigits(text[0], 'a')&hexDigits(text[1], 'a')&hexDigits(text[2], 'a')&hexDigits(text[3], 'a') != highBits {
		code = codeUpper
		if hexDigits(text[0], 'A')&hexDigits(text[1], 'A')&hexDigits(text[2], 'A')&hexDigits(text[3], 'A') != highBits {
			return nil
		}
	}
	for i, t := range text {
		binary.BigEndian.PutUint32(buf[1+4*i:], packHex(t))
	}
	buf[0] = code
	return buf[:1+uuidBytes]
}

// encodeHex packs an even number of hexadecimal digits; nil if there is another byte.
func encodeHex(buf []byte, member []byte) []byte {
	n, at := len(member), 1
	for ; len(member) >= 8; member = member[8:] {
		text := binary.BigEndian.Uint64(member)
		if hexDigits(text, 'a') != highBits {
			return nil
		}
		binary.BigEndian.PutUint32(buf[at:], packHex(text))
		at += 4
	}
	for ; len(member) > 0; member = member[2:] {
		hi, lo := packing.lower[member[0]], packing.lower[member[1]]
		if hi|lo == invalid {
			return nil
		}
		buf[at] = hi<<4 | lo
		at++
	}
	buf[0] = byte(codeHex + n/2 - minHex)
	return buf[:at]
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// hexDigits looks at eight bytes at once. It gives the highest bit of each that is a hexadecimal digit, its letters
// beginning with a.
func hexDigits(text uint64, a byte) uint64 {
	low := text &^ highBits // so that no addition carries into the next byte
	digit := (low + (0x80-'0')*eachByte) &^ (low + (0x7f-'9')*eachByte)
	letter := (low + uint64(0x80-a)*eachByte) &^ (low + uint64(0x7f-a-5)*eachByte)
	return (digit | letter) &^ text & highBits
}

// packHex gives the four bytes that eight hexadecimal digits stand for.
func packHex(text uint64) uint32 {
	v := text&(0x0f*eachByte) + 9*(text>>6&eachByte) // a nibble in each byte
	v = (v | v>>4) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16)
}

// encodeText packs characters of textAlphabet; nil if there is another byte. Bytes that are left over are filled up with the
// digit 0: the code has the number of characters.
func (e *endings) encodeText(buf []byte, member []byte) []byte {
	ending, n := e.find(member)
	at, i, all := 1, 0, byte(0)
	for ; i+3 <= n; i += 3 {
		a, b, c := packing.digit[member[i]], packing.digit[member[i+1]], packing.digit[member[i+2]]
		all |= a | b | c
		binary.BigEndian.PutUint16(buf[at:], (uint16(a)*base+uint16(b))*base+uint16(c))
		at += 2
	}
	if i < n {
		a, b := packing.digit[member[i]], byte(0)
		if i+1 < n {
			b = packing.digit[member[i+1]]
		}
		all |= a | b
		binary.BigEndian.PutUint16(buf[at:], (uint16(a)*base+uint16(b))*base)
		at += 2
	}
	if all == invalid {
		return nil
	}
	if ending > 0 {
		binary.BigEndian.PutUint16(buf[at:], ending)
		at += 2
		n += 3
	}
	buf[0] = byte(codeText + n - minText)
	return buf[:at]
}

func encodePlain(buf []byte, member []byte) []byte {
	n := len(member)
	if n < minLong {
		buf[0] = byte(codePlain + n - 1)
		return buf[:1+copy(buf[1:], member)]
	}
	buf[0], buf[1] = codeLong, byte(n-minLong)
	return buf[:2+copy(buf[2:], member)]
}

// decode unpacks a record. The member it gives is a part of buf or of the record.
func (e *endings) decode(buf *[MaxMemberBytes]byte, rec []byte) []byte {
	switch code := rec[0]; {
	case code < codeLower:
		var v uint64
		for i := len(rec) - 1; i > 0; i-- {
			v = v<<8 | uint64(rec[i])
		}
		at := len(buf)
		for {
			at--
			buf[at] = '0' + byte(v%10)
			if v /= 10; v == 0 {
				return buf[at:]
			}
		}
	case code == codeLower:
		return unpackUUID(buf, rec[1:], "0123456789abcdef")
	case code == codeUpper:
		return unpackUUID(buf, rec[1:], "0123456789ABCDEF")
	case code < codeText:
		for i, c := range rec[1:] {
			buf[2*i], buf[2*i+1] = "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15]
		}
		return buf[:2*(len(rec)-1)]
	case code < codePlain:
		return e.decodeText(buf, rec[1:], int(code)-codeText+minText)
	case code < codeLong:
		return rec[1:]
	}
	return rec[2:]
}

// decodeText unpacks n characters.
func (e *endings) decodeText(buf *[MaxMemberBytes]byte, packed []byte, n int) []byte {
	for i := 0; i < n; i += 3 {
		v := binary.BigEndian.Uint16(packed[i/3*2:])
		if v >= firstEnding {
			n -= 3 // which it was counted for; it is the last
			return buf[:n+copy(buf[n:], e.texts[v-firstEnding])]
		}
		text := uint32(packing.pairs[v/base]) | uint32(textAlphabet[v%base])<<16
		binary.LittleEndian.PutUint32(buf[i:], text) // the fourth byte is written over, or left out
	}
	return buf[:n]
}

func unpackUUID(buf *[MaxMemberBytes]byte, packed []byte, digits string) []byte {
	at := 0
	for i, c := range packed {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			buf[at] = '-'
			at++
		}
		buf[at], buf[at+1] = digits[c>>4], digits[c&15]
		at += 2
	}
	return buf[:uuidText]
}
