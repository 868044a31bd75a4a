package config

import (
	"strings"
	"time"
)

// The bounds of what a config may say. Each is there so that a slip of the pen (a
// missing unit, a digit too many) is an error here and not a surprise in service, and so
// that reading a file costs a bounded amount of memory and time whatever is in it.
const (
	// MaxFileBytes bounds the text. A rule takes about 100 bytes, so this is room for
	// tens of thousands of them.
	MaxFileBytes = 4 << 20
	// MaxHeldGarbage is how many bytes of garbage a reload may leave before it is collected, see Aside. Reading
	// 10,000 rules and 1,000 experiments makes 300 MB, compiling them 110; what a small config makes is not worth a word.
	MaxHeldGarbage = 384 << 20
	// MaxDepth bounds nesting. The schema is six deep; the YAML parser recurses, and its
	// cost grows with the square of the depth.
	MaxDepth = 24
	// MaxPrinted is how many errors are shown at once; the rest are counted.
	MaxPrinted = 20
	// MaxKeys bounds the entries of one mapping: the YAML parser's cost grows with their square.
	MaxKeys = 4096
	// maxShown is how many characters of a source line an error shows.
	maxShown = 120
	// maxMessage is how many characters what is wrong, why, or how to mend it may have.
	maxMessage = 320
	// maxTabWork bounds the sum over all lines of tabs times bytes: the lexer looks from a tab in quotes to the end of its line.
	maxTabWork = 1 << 27
	// maxEmpty bounds keys and entries without a value: all of them are mistakes, and for each the parser moves all
	// that follows.
	maxEmpty = 1000
	// maxAnalysis bounds the steps spent on proofs about conditions, to find conflicts and rules that no request reaches: there
	// are as many questions as pairs of experiments that write one header. It is room for some ten thousand of them, and
	// less than a second or two of time. What is beyond is let pass.
	maxAnalysis = 1_000_000
	// maxComparedRules bounds the rules of a route that each rule behind them is compared with.
	maxComparedRules = 200
	// maxNeeded bounds the experiments that one depends on, be it by way of others, that are compared with one another.
	maxNeeded = 64
	// maxPlaces bounds the places that one mistake names beside its own.
	maxPlaces = 8
	// maxGuesses bounds the comparisons spent on "did you mean" for one file.
	maxGuesses = 200_000

	// MaxName bounds the length of names: they are label values, field values and file keys.
	MaxName = 64

	// MaxListeners bounds the addresses listened on; each costs a goroutine and an fd.
	MaxListeners = 64
	// MaxConnections bounds max_connections: far above what one machine's fds allow.
	MaxConnections = 10_000_000
	// MaxLoops bounds event loops: each is an OS thread with its own pools of connections.
	MaxLoops = 1024
	// MaxEndpoints bounds the endpoints of one pool.
	MaxEndpoints = 4096

	// MaxTreeExperiments bounds the experiments of all tenants together, a shared one counted for each tenant that has
	// experiments of its own besides. While a config is checked each takes 4 KB and 10 µs, which makes 800 MB and two seconds; in
	// the snapshot it takes a few hundred bytes where tenants share what is compiled, else about a kilobyte.
	MaxTreeExperiments = 200_000
	// maxKeyBytes bounds the file of a key: a longer one is some other file.
	maxKeyBytes = 4096

	// MinHeadSize is the least that a plain browser's request fits in.
	MinHeadSize = 1 << 10
	// MaxHeadSize is more than any server behind the gateway will take.
	MaxHeadSize = 1 << 20
	// MaxHeaderCount bounds the fields of one head.
	MaxHeaderCount = 4096

	// MinTimeout is below what any timer here resolves.
	MinTimeout = time.Millisecond
	// MaxTimeout is a day: longer is a mistake in the unit.
	MaxTimeout = 24 * time.Hour

	// MinTokenBytes and MaxTokenBytes bound the admin token: 16 random bytes cannot be guessed over a network.
	MinTokenBytes = 16
	MaxTokenBytes = 4096
	// MaxSocketPath is what the kernel has room for in an address (unix(7)), less the zero at the end.
	MaxSocketPath = 107
	// MinTracingTimeout and MaxTracingTimeout bound one export: the queue of spans has room for a few seconds.
	MinTracingTimeout = 100 * time.Millisecond
	MaxTracingTimeout = time.Minute
	// MaxCollectorURL bounds the URL of a collector, MaxServiceName what spans are sorted by.
	MaxCollectorURL = 1 << 10
	MaxServiceName  = 128

	// MinRefresh keeps a refresh from following on the heels of the one before: each reads the whole set.
	MinRefresh = time.Second
	// MaxMembers bounds max_members: beyond it the members would not fit into the memory of any machine that is likely to
	// run this, and a digit too many should not try.
	MaxMembers = 1_000_000_000
	// MaxSchemaBytes bounds a JSON Schema in a file: those of real metadata have a few kilobytes.
	MaxSchemaBytes = 1 << 20
	// MinKeyBytes is the least that a key for HMAC-SHA256 should have: 128 bits.
	MinKeyBytes = 16
	// MinCookieAge is below what any visit takes.
	MinCookieAge = time.Minute
	// MaxCookieAge is what browsers cut the age of a cookie to: 400 days.
	MaxCookieAge = 400 * 24 * time.Hour

	// MaxWeight bounds a variant's weight: one part in a million of the others is finer than any real share.
	MaxWeight = 1_000_000
	// MaxHeaders bounds the fields that a variant writes, MaxHeaderValue the bytes of each: all go into every request head.
	MaxHeaders     = 16
	MaxHeaderValue = 1 << 10
	// MaxSlotRanges bounds the ranges of one list: a layer has no more slots.
	MaxSlotRanges = 10_000
	// MaxOwner bounds the bytes of owner: a name or an address.
	MaxOwner = 256
)

// MinMoment and MaxMoment bound start and end: a year beyond is a slip, and nanoseconds since 1970 have 64 bits.
var (
	MinMoment = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	MaxMoment = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// mergeRun is more of that sign in a row than any text has a use for: the lexer counts a run anew from each of it.
var mergeRun = strings.Repeat("<", 100)
