// Package match decides where a request goes: which route it belongs to, and which of the route's rules, if any, it meets.
//
// It is pure: no sockets, no clocks, no logging. A [Schema] names what a request can be asked about, an [Attributes]
// holds the answers for one request, a [RuleSet] is a list of rules compiled to bytecode, and a [Router] finds the route.
//
//	Schema ── CompileRules ── RuleSet ─┐
//	  └────── Attributes.Reset         ├─ Decide ── index of the first rule that matches, or -1
//	            SetRequest, SetTime,   │
//	            AddHeader ─────────────┘
//
// The way of a condition, one file or two for each stage:
//
//	text ── parse ── expr's tree ── check, compare, operators, functions ── typed tree ── generate ── program
//	                                                                            └── possible, index ── index
//
// and of a request: index.decide leaves a few rules, Attributes.run follows their code, Attributes.compute fills the
// registers that it asks for. docs/rules.md is the language as its users know it.
//
// Schema, RuleSet and Router never change once made and may be shared by any number of goroutines. Attributes and
// [State] belong to one event loop and carry no lock. Nothing here allocates per request once the buffers of
// Attributes have grown to the size of the traffic.
package match
