package rig

import (
	"fmt"
	"strings"
)

// largeLayers is in how many layers the experiments of a large config stand; they share the slots of each evenly.
const largeLayers = 20

// Large is the size of a config that is to be large: rules and experiments beside those of every setup. The kinds of rules
// and conditions take turns.
// Routes are further ones, for hosts of their own (see [LargeHost]), with five rules each.
type Large struct{ Rules, Experiments, Routes int }

// Declared is what stands at the top of the config: attributes, layers and experiments.
func (l Large) Declared() string {
	if l.Rules+l.Experiments == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("attributes:\n" +
		"  userid: {from: [header X-User-Id]}\n" +
		"  os: {from: [header X-OS]}\n" +
		"  country: {from: [header X-Country]}\n" +
		"  version: {from: [header X-App-Version], type: version}\n")
	if l.Experiments == 0 {
		return b.String()
	}
	b.WriteString("layers:\n")
	for i := range largeLayers {
		fmt.Fprintf(&b, "  layer-%d: {by: userid}\n", i)
	}
	b.WriteString("experiments:\n")
	slots := 10_000 / ((l.Experiments + largeLayers - 1) / largeLayers)
	for i := range l.Experiments {
		first := i / largeLayers * slots
		when := fmt.Sprintf("os == 'ios' and version >= '%d.%d'", 10+i%9, i%7)
		if i%2 == 1 {
			when = fmt.Sprintf("country in ['c%d', 'de', 'us']", i%50)
		}
		fmt.Fprintf(&b, "  experiment-%d: {layer: layer-%d, slots: [%d-%d], state: active, when: \"%s\", variants: {A: 50, B: {weight: 50, headers: {X-Variant-%d: B}}}}\n",
			i, i%largeLayers, first, first+slots-1, when, i)
	}
	return b.String()
}

// LargeRules is how many rules each of the further routes has, the first of them for X-Gray-Tag: r0, and so on.
const LargeRules = 5

// LargeHost is the host of a further route.
func LargeHost(i int) string { return fmt.Sprintf("route-%d.test", i) }

// MoreRoutes is the further routes, as they stand in the list.
func (l Large) MoreRoutes() string {
	var b strings.Builder
	for i := range l.Routes {
		fmt.Fprintf(&b, "  - name: route-%d\n    host: %s\n    stable: stable\n    gray: gray\n    rules:\n", i, LargeHost(i))
		for rule := range LargeRules {
			fmt.Fprintf(&b, "      - {name: rule-%d-%d, when: \"tag == 'r%d'\"}\n", i, rule, rule)
		}
	}
	return b.String()
}

// MoreRules is the rules, as they stand in a route's list.
func (l Large) MoreRules() string {
	var b strings.Builder
	for i := range l.Rules {
		rule := ""
		switch i % 4 {
		case 0:
			rule = fmt.Sprintf("when: \"userid == 'somebody-%d'\"", i)
		case 1:
			rule = fmt.Sprintf("when: \"os == 'os-%d' and version >= '%d.%d'\"", i, 10+i%9, i%7)
		case 2:
			rule = fmt.Sprintf("when: \"country in ['x%d', 'y%d'] and os != 'ios'\"", i, i)
		default:
			rule = fmt.Sprintf("when: \"os == 'os-%d'\", percent: 5, by: userid", i)
		}
		fmt.Fprintf(&b, "      - {name: rule-%d, %s}\n", i, rule)
	}
	return b.String()
}
