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
// An [ExperimentSet] is the experiments of one tenant, compiled: Assign gives the variants that a request gets, Trace says why.
//
//	unit ── layer.go: hash, slot ── assign.go: owner, bars, condition ── rendezvous.go: variant
//
// The way of a condition, one file or two for each stage:
//
//	text ── parse ── expr's tree ── check, compare, operators, functions ── typed tree ── generate ── program
//	                                                                            └── possible, arrange, index ── index
//
// and of a request: index.decide leaves a few rules, Attributes.run follows their code, Attributes.compute fills the
// registers that it asks for. docs/rules.md is the language as its users know it.
//
// What people ask is answered beside that: [RuleSet.Explain] says why a request meets a rule or not, part by part of its
// condition; an [Analyzer] proves that no request can meet two conditions, or that whatever meets one meets another.
//
// Schema, RuleSet, ExperimentSet and Router never change once made and may be shared by any number of goroutines. Attributes and
// [State] belong to one event loop and carry no lock. Nothing here allocates per request once the buffers of
// Attributes have grown to the size of the traffic.
package match
