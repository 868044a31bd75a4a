package geo

import (
	"net/netip"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
)

// FuzzCorrupt reads damaged files: whatever their bytes, a look-up gives a place or none, in bounded time.
func FuzzCorrupt(f *testing.F) {
	for _, text := range [][]byte{city(f), asn(f)} {
		f.Add(text, uint32(0), byte(0), []byte{192, 0, 2, 1})
		f.Add(text[:len(text)/2], uint32(7), byte(0x80), []byte{10, 0, 0, 1})
		for at := uint32(0); at < uint32(len(text)); at += 23 {
			f.Add(text, at, byte(0xff), []byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
		}
	}
	fields := fieldsIn("de")
	f.Fuzz(func(t *testing.T, text []byte, at uint32, mask byte, address []byte) {
		if len(text) > 1<<16 {
			return
		}
		text = append([]byte(nil), text...)
		if len(text) > 0 {
			text[int(at)%len(text)] ^= mask
		}
		db, err := maxminddb.OpenBytes(text)
		if err != nil {
			return
		}
		r := &Reader{files: []file{{"fuzz", db}}, fields: fields}
		ip, ok := netip.AddrFromSlice(address)
		if !ok {
			ip = netip.IPv6LinkLocalAllNodes()
		}
		r.Locate(ip)
		r.Locate(netip.IPv6Unspecified())
		r.Locate(netip.IPv4Unspecified())
	})
}

// TestEveryByteDamaged damages each byte of a file in turn, in two ways: no look-up panics, and the file's own errors do not
// get out.
func TestEveryByteDamaged(t *testing.T) {
	whole := city(t)
	fields := fieldsIn("de")
	opened := 0
	for at := range whole {
		for _, mask := range []byte{1 << (at % 8), 0xff} {
			text := append([]byte(nil), whole...)
			text[at] ^= mask
			db, err := maxminddb.OpenBytes(text)
			if err != nil {
				continue
			}
			opened++
			r := &Reader{files: []file{{"damaged", db}}, fields: fields}
			for _, ip := range []string{"192.0.2.1", "198.51.100.1", "2001:db8:1::1", "::", "10.0.0.1"} {
				r.Locate(netip.MustParseAddr(ip))
			}
		}
	}
	if opened < len(whole)/2 {
		t.Errorf("only %d of %d damaged files could be opened: the test has become blunt", opened, 2*len(whole))
	}
}
