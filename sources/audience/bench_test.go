package audience

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// kind is a shape of members: append gives the i-th one. Odd i are members in the benchmarks and even ones are not, so
// that neither can be told by their looks.
type kind struct {
	name   string
	append func(to []byte, i uint64) []byte
}

var kinds = []kind{
	// As a database counts users up: 8 or 9 digits.
	{"ids", func(to []byte, i uint64) []byte { return strconv.AppendUint(to, 90_000_000+i*7, 10) }},
	// Random, as version 4.
	{"uuids", func(to []byte, i uint64) []byte {
		var raw [16]byte
		binary.BigEndian.PutUint64(raw[:], mix(i*2))
		binary.BigEndian.PutUint64(raw[8:], mix(i*2+1))
		return appendUUID(to, raw)
	}},
	// 20 to 30 bytes, 24 on average.
	{"emails", func(to []byte, i uint64) []byte {
		z := mix(i)
		to = append(append(to, given[z%uint64(len(given))]...), '.')
		to = append(to, family[z>>8%uint64(len(family))]...)
		to = strconv.AppendUint(to, i, 10)
		return append(append(to, '@'), domains[z>>16%uint64(len(domains))]...)
	}},
}

var (
	given   = []string{"anna", "ben", "chen", "dora", "emil", "fatima", "gita", "hugo", "ines", "jo", "kwame", "lea", "ming", "noor"}
	family  = []string{"wu", "diaz", "kim", "sato", "novak", "weber", "silva", "ali", "roy", "lopez", "khan"}
	domains = []string{"qq.com", "gmx.de", "mail.ru", "gmail.com", "163.com", "web.de", "yahoo.com", "orange.fr"}
)

func appendUUID(to []byte, raw [16]byte) []byte {
	for _, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		to = append(hex.AppendEncode(to, part), '-')
	}
	return to[:len(to)-1]
}

// containsUnfiltered is Contains without the filter in front.
func containsUnfiltered(s *Set, member []byte) bool {
	hash := xxhash.Sum64(member)
	return s.find(hash, member)
}

// benchMembers is how many members the sets of the benchmarks have.
const benchMembers = 10_000_000

// cached is the set that benchmarks asked for last: one of each would take too much memory.
var cached struct {
	sync.Mutex
	name string
	set  *Set
}

// fill builds the set of the first n members of a kind.
func fill(t testing.TB, k kind, n int, approximate bool) *Set {
	b := NewBuilder(DefaultMaxMembers, approximate)
	var buf [64]byte
	for i := range uint64(n) {
		if err := b.Add(k.append(buf[:0], 2*i+1)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func benchSet(b *testing.B, k kind, approximate bool) *Set {
	cached.Lock()
	defer cached.Unlock()
	if name := fmt.Sprint(k.name, approximate); cached.name != name {
		cached.set = nil
		debug.FreeOSMemory()
		cached.name, cached.set = name, fill(b, k, benchMembers, approximate)
	}
	return cached.set
}

// blockKeys is how many keys a benchmark makes before it looks them up: as those of requests are, they are in the
// processor's cache then.
const blockKeys = 512

// BenchmarkAudience looks up random members, and random others, of sets of ten million; ns/lookup is processor time, and leaves out the
// making of the keys. Of "cold" ones each is another one of the ten million, so that every look-up waits for memory; of "hot" ones there
// are ten thousand, which lie in the last cache that the cores share, and of "few" three, most of which a core has to itself. "unfiltered" is what the exact part alone takes.
func BenchmarkAudience(b *testing.B) {
	run := func(k kind, name string, approximate bool, odd, different uint64, look func(*Set, []byte) bool) {
		b.Run(k.name+"/"+name, func(b *testing.B) {
			s := benchSet(b, k, approximate)
			r := rand.New(rand.NewPCG(1, 2))
			keys, arena := make([][]byte, blockKeys), make([]byte, 0, blockKeys*64)
			found, took := 0, time.Duration(0)
			b.ReportAllocs()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				arena = arena[:0]
				for i := range keys {
					from := len(arena)
					arena = k.append(arena, 2*(r.Uint64N(different)*(benchMembers/different))+odd)
					keys[i] = arena[from:]
				}
				start := threadTime()
				for _, key := range keys {
					if look(s, key) {
						found++
					}
				}
				took += threadTime() - start
			}
			lookups := float64(b.N) * blockKeys
			b.ReportMetric(float64(took.Nanoseconds())/lookups, "ns/lookup")
			b.ReportMetric(float64(found)/lookups, "found/lookup")
		})
	}
	const few, hot = 3000, 10_000
	for _, k := range kinds {
		run(k, "members/few", false, 1, few, (*Set).Contains)
		run(k, "others/few", false, 0, few, (*Set).Contains)
		run(k, "members/hot", false, 1, hot, (*Set).Contains)
		run(k, "members/cold", false, 1, benchMembers, (*Set).Contains)
		run(k, "others/hot", false, 0, hot, (*Set).Contains)
		run(k, "others/cold", false, 0, benchMembers, (*Set).Contains)
		run(k, "others unfiltered/cold", false, 0, benchMembers, containsUnfiltered)
		run(k, "approximate members/cold", true, 1, benchMembers, (*Set).Contains)
		run(k, "approximate others/cold", true, 0, benchMembers, (*Set).Contains)
	}
}

// BenchmarkMemory is what a look-up that waits for memory cannot be faster than on the machine at hand: one read at a random place,
// whose address is in the one before, of as much as the few, the hot and all of ten million members take.
func BenchmarkMemory(b *testing.B) {
	for _, size := range []int{512 << 10, 2 << 20, 150 << 20} {
		b.Run(fmt.Sprintf("KiB=%d", size>>10), func(b *testing.B) {
			room := newRegion(size, true)
			const stride = cacheLine / 8
			words := room.takeWords(size / 8)
			lines := len(words) / stride
			order := rand.New(rand.NewPCG(1, 2)).Perm(lines)
			for i, line := range order { // a ring through all lines
				words[line*stride] = uint64(order[(i+1)%lines] * stride)
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			at := uint64(0)
			start := threadTime()
			for b.Loop() {
				for range 1000 {
					at = words[at]
				}
			}
			b.ReportMetric(float64((threadTime()-start).Nanoseconds())/float64(b.N)/1000, "ns/read")
			runtime.KeepAlive(at)
			room.free()
		})
	}
}

// BenchmarkAudienceLoad builds a set of ten million. It reports the memory per member, and how much more the
// process had at the most while it was built.
func BenchmarkAudienceLoad(b *testing.B) {
	run := func(k kind, approximate bool) {
		b.Run(fmt.Sprintf("%s/approximate=%v", k.name, approximate), func(b *testing.B) {
			cached.name, cached.set = "", nil
			for b.Loop() {
				var s *Set
				peak := peakResident(b, func() { s = fill(b, k, benchMembers, approximate) })
				b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "bytes/member")
				b.ReportMetric(float64(peak)/1e6, "peak-MB")
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
		})
	}
	for _, k := range kinds {
		run(k, false)
		run(k, true)
	}
}

// peakResident runs f and tells by how much the memory of the process grew at the most.
func peakResident(tb testing.TB, f func()) int {
	debug.FreeOSMemory()
	statm, err := os.Open("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	defer statm.Close()
	read := func() int {
		var text [128]byte
		n, err := statm.ReadAt(text[:], 0)
		if n == 0 {
			tb.Error(err)
			return 0
		}
		var total, resident int
		if _, err := fmt.Sscan(string(text[:n]), &total, &resident); err != nil {
			tb.Error(err)
		}
		return resident * os.Getpagesize()
	}
	before, most := read(), 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for {
			most = max(most, read())
			select {
			case <-every.C:
			case <-stop:
				return
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most - before
}

// threadTime is the processor time that the calling thread has used. Others' work on a busy machine is not in it.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}
