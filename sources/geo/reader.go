// Package geo finds the place of an address in MMDB files: those of GeoIP2 and GeoLite2 (City, Country, Enterprise, ASN,
// ISP), of DB-IP, which has their layout, and of ipinfo, which has a flat one.
package geo

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"graygate/match"
	"graygate/sources/internal/cache"
)

// Reader is a [match.Geo] over a list of files. It may be used by any number of goroutines at once.
type Reader struct {
	files  []file // in the order of Open
	fields []field
	seed   maphash.Seed // of the cache's keys: nobody outside can make addresses collide
	cache  atomic.Pointer[cache.Cache[located]]
}

// located is what was found for an address.
type located struct {
	ip    netip.Addr
	place *match.Place // nil: nothing is known of it
}

var _ match.Geo = (*Reader)(nil)

// Open reads files, at most [MaxFiles] of at most [MaxFileBytes] each. Of each field the first file that knows it has the
// word. Names are in the language, such as "de" or "pt-BR", and in English where there is none; "" is English. The error
// names the file and says why.
//
// Files are read into memory, not mapped. A mapped file that someone truncates or writes over ends the process with
// SIGBUS, and a page that is not in memory stalls an event loop; so a copy is worth its memory. It is no load on the
// garbage collector, which does not look into it.
func Open(files []string, language string) (*Reader, error) {
	if len(files) == 0 || len(files) > MaxFiles {
		return nil, fmt.Errorf("%d geo files; name 1 to %d of them", len(files), MaxFiles)
	}
	if language == "" {
		language = english
	}
	r := &Reader{fields: fieldsIn(language), seed: maphash.MakeSeed()}
	for _, name := range files {
		f, err := openFile(name)
		if err != nil {
			return nil, err
		}
		r.files = append(r.files, f)
	}
	if known := r.languages(); language != english && !slices.Contains(known, language) {
		return nil, fmt.Errorf("no geo file has names in `%s`; use one of %s", language, strings.Join(known, ", "))
	}
	r.cache.Store(cache.New[located](maxCached, maxCached))
	return r, nil
}

// Locate gives the place of an address, nil if nothing is known of it or it is none. IPv4-mapped addresses are IPv4, zones
// do not count. An address asked for lately costs a look into the cache and does not allocate; another one costs some
// microseconds. The place is shared: it must not be changed.
func (r *Reader) Locate(ip netip.Addr) *match.Place {
	if !ip.IsValid() {
		return nil
	}
	ip = ip.Unmap().WithZone("")
	cached := r.cache.Load()
	if cached == nil { // closed
		return r.find(ip)
	}
	hash := hashOf(r, ip)
	if l := cached.Get(hash); l != nil && l.ip == ip {
		return l.place
	}
	l := &located{ip: ip, place: r.find(ip)}
	cached.Set(hash, l, 1)
	return l.place
}

func hashOf(r *Reader, ip netip.Addr) uint64 { return maphash.Comparable(r.seed, ip) }

// Close gives up the cache. Look-ups may be under way, and may go on: a request that holds the old snapshot still gets the
// same answers, only slower. The files' memory goes with the reader itself. The error is always nil.
func (r *Reader) Close() error {
	r.cache.Store(nil)
	return nil
}

// find asks the files.
func (r *Reader) find(ip netip.Addr) *match.Place {
	var p match.Place
	for i := range r.files {
		r.files[i].fill(&p, r.fields, ip)
	}
	if p == (match.Place{}) {
		return nil
	}
	return &p
}

// languages are those that any file has names in, sorted, English among them.
func (r *Reader) languages() []string {
	all := []string{english}
	for i := range r.files {
		all = append(all, r.files[i].db.Metadata.Languages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
