// Package faultlab breaks what stands behind a gateway while requests pass through it, and counts what users notice.
//
// Its instruments are real servers on loopback that fail as they are told ([Backend]), a DNS server ([Names]), a steady
// load in which every request is accounted for ([Load]), and a [Watchdog] that tells the machine's own stalls from the
// gateway's. The scenarios with their promises are in its tests: `go test ./internal/faultlab` runs them in short form, `make
// chaos` in long form.
package faultlab
