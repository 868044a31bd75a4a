// Package audience keeps sets of units, such as user ids, that conditions ask for by name: it loads them from files and
// from Redis, and looks members up without a lock and without an allocation.
//
//	file, SSCAN ── Builder ── Set ── atomic pointer of an Audience ── Contains, on event loops
//
// A [Set] is a Bloom filter, which sends most of those away who are no members, and behind it the members themselves, byte
// for byte, so that nobody is taken for one:
//
//	hash ── filter ── no
//	           └── perhaps ── pack ── table of the packed kind ── yes, no
//
// The members are not stored as they are written. What has one of the usual forms is packed, reversibly (codec.go has the
// list): decimal numbers into 1 to 8 bytes, UUIDs into 16, hexadecimal digits into half, lower case text and e-mail addresses
// into two thirds, with the host of an address in two bytes. Records of one form and length are the rows of a cuckoo hash
// table, 95 % full, which need neither a length nor a pointer. A member takes
//
//	bytes of its packed form ÷ 0.95  +  10 bits of the filter
//
//	                    as text    packed    a member    ten million
//	decimal, 9 digits         9         4         5.5          55 MB
//	e-mail, 24 on average    24        13        15.5         155 MB
//	UUID                     36        16        18.1         181 MB
//
// and a look-up reads one cache line of the filter and, if that says perhaps, two buckets of a table, which are a line each or
// two. All of it lies outside Go's heap, in large pages where the system has them (region.go). An approximate set is a filter alone, with 34 bits a member for one false positive in a million: 43 MB for ten million.
//
// A set is built in one pass, since Redis tells neither how much will come nor in which order: the members are spooled,
// packed, into 256 parts by their hashes, and one part after another is made into tables while its spool is given back. So
// building takes little more than what is built, and memory of about one set more while an old one is in force. None of it
// is counted in GOMEMLIMIT, nor does it let the heap grow before it is collected. Of an
// approximate set the 64-bit hashes are spooled, 9 bytes a member, to leave out what comes twice.
//
// Hashes are not keyed. Who could choose the members of an audience, by the hundred thousand, and made their hashes collide,
// would have them stored at the price of Go's map.
package audience
