// Package agent reads User-Agent fields by github.com/mileusna/useragent, in the words of [match.Agent], and keeps what it
// has read.
//
// What a client hides cannot be read. Browsers freeze parts of the field: Windows is 10.0 from Windows 10 on, macOS 10.15.7,
// Android 10 in Chrome. Safari on an iPad says that it is a Mac, unless its user asks for mobile sites; the iPads that do
// say so are "ios", with the device "tablet", because apps are released for both at once. Safari's frozen iOS 18 is mended:
// from 26 on, its own version is the system's.
package agent

import (
	"hash/maphash"

	"graygate/match"
	"graygate/sources/internal/cache"
)

const (
	// MaxBytes is the longest field that is read; a longer one says nothing. The longest of real clients, those of browsers
	// inside of apps, have some 500 bytes.
	MaxBytes = 1 << 10

	// MaxMarks bounds the characters of a field that part its products and comments: the library's work grows with their
	// square. Those of browsers inside of apps have some 40.
	MaxMarks = 64

	// cacheBytes bounds the memory of the cache: 20,000 and more of usual fields, where a busy site sees some thousand that
	// come again. What comes once, as made-up fields do, is let go first.
	cacheBytes = 16 << 20

	// entryBytes is what an entry costs beside its text.
	entryBytes = 400

	// usualEntries is how many entries of usual fields, 200 bytes of text, fill the cache.
	usualEntries = cacheBytes / (entryBytes + 200)
)

// Reader is a [match.Agents]. It may be used by any number of goroutines at once, and need not be closed.
type Reader struct {
	seed  maphash.Seed // of the cache's keys: no client can make two fields collide
	cache *cache.Cache[entry]
}

// entry is what was read of a field.
type entry struct {
	text  string
	agent *match.Agent // nil: nothing
}

var _ match.Agents = (*Reader)(nil)

// New makes a reader that has read nothing yet.
func New() *Reader {
	return &Reader{seed: maphash.MakeSeed(), cache: cache.New[entry](cacheBytes, usualEntries)}
}

// Read gives what a field says, nil if it says nothing that is known, or is longer than [MaxBytes], or has more than
// [MaxMarks] marks. A field read lately costs a look into the cache and does not allocate; another one some microseconds,
// with the worst of fields up to a hundred. The text is not kept; the agent is shared and must not be changed.
func (r *Reader) Read(text []byte) *match.Agent {
	if len(text) == 0 || len(text) > MaxBytes {
		return nil
	}
	hash := hashOf(r, text)
	if e := r.cache.Get(hash); e != nil && e.text == string(text) {
		return e.agent
	}
	e := &entry{text: string(text)}
	if marks(text) <= MaxMarks {
		e.agent = parse(e.text)
	}
	r.cache.Set(hash, e, int64(len(text)+entryBytes))
	return e.agent
}

func hashOf(r *Reader, text []byte) uint64 { return maphash.Bytes(r.seed, text) }

// marks counts the characters at which the library begins a new token.
func marks(text []byte) (n int) {
	for _, c := range text {
		switch c {
		case ';', '/', '(', ')', '[', ']', ':':
			n++
		}
	}
	return n
}
