package match

import "net/netip"

// Lookups are the tables outside a request that its attributes and conditions are looked up in. They are filled and
// refreshed elsewhere; match only asks. Every method is called on event loops: it may be called concurrently, must not
// block, and must not keep its argument.
type Lookups struct {
	Audiences map[string]Audience // by name; a condition can only name one of these
	Geo       Geo                 // nil: geo sources are missing
	Agents    Agents              // nil: ua sources are missing
}

// Audience is a set of units, such as user ids.
type Audience interface {
	// Contains tells whether member, compared byte by byte, is in the set; false while the set is not loaded.
	Contains(member []byte) bool
}

// Geo finds where an address is.
type Geo interface {
	// Locate gives the place of an address, nil if it is not known. The place must not be changed.
	Locate(ip netip.Addr) *Place
}

// Place is what is known of an address; "" is what is not.
type Place struct {
	Country  string // ISO 3166-1 alpha-2: DE
	Province string // ISO 3166-2 without the country: BY
	City     string
	ISP      string // the organisation of the autonomous system, or the provider
	ASN      string // decimal, without AS: 3320
}

// Agents reads User-Agent fields.
type Agents interface {
	// Read gives what a User-Agent says, nil if it says nothing that is known. The agent must not be changed.
	Read(text []byte) *Agent
}

// Agent is what a User-Agent field says; "" is what it does not.
type Agent struct {
	OS             string // lower case: ios, android, windows, macos, linux, chromeos
	OSVersion      string // 17.2.1
	Browser        string // lower case: chrome, safari, firefox, edge, opera, samsung
	BrowserVersion string // 120.0.6099.71
	Device         string // mobile, tablet, desktop or bot
}
