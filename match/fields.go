package match

import (
	"slices"
	"unsafe"
)

// field is a part of a T that an attribute can be read from.
type field[T any] struct {
	name string // in the config
	of   func(*T) string
}

var placeFields = []field[Place]{
	{"country", func(p *Place) string { return p.Country }},
	{"province", func(p *Place) string { return p.Province }},
	{"city", func(p *Place) string { return p.City }},
	{"isp", func(p *Place) string { return p.ISP }},
	{"asn", func(p *Place) string { return p.ASN }},
}

var agentFields = []field[Agent]{
	{"os", func(a *Agent) string { return a.OS }},
	{"os_version", func(a *Agent) string { return a.OSVersion }},
	{"browser", func(a *Agent) string { return a.Browser }},
	{"browser_version", func(a *Agent) string { return a.BrowserVersion }},
	{"device", func(a *Agent) string { return a.Device }},
}

// fieldNumber gives the place of a field by name, -1 if there is none.
func fieldNumber[T any](fields []field[T], name string) int {
	return slices.IndexFunc(fields, func(f field[T]) bool { return f.name == name })
}

func fieldNames[T any](fields []field[T]) (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// placeField gives a part of where the client's address is, nil if it is not known. The address is located once a request.
func (a *Attributes) placeField(number int) []byte {
	if !a.located {
		a.located = true
		if geo := a.schema.lookups.Geo; geo != nil && a.ip.IsValid() {
			a.place = geo.Locate(a.ip.Unmap().WithZone(""))
		}
	}
	if a.place == nil {
		return nil
	}
	return viewOf(placeFields[number].of(a.place))
}

// agentField gives a part of what the User-Agent says, nil if it does not. The field is read once a request.
func (a *Attributes) agentField(number int) []byte {
	if !a.agentRead {
		a.agentRead = true
		if agents, text := a.schema.lookups.Agents, a.sources[a.schema.userAgent]; agents != nil && len(text) > 0 {
			a.agent = agents.Read(text)
		}
	}
	if a.agent == nil {
		return nil
	}
	return viewOf(agentFields[number].of(a.agent))
}

// viewOf gives the bytes of a string without copying them. Values are never written to.
func viewOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
