package config

import (
	"github.com/goccy/go-yaml/ast"

	"graygate/match"
)

func (d *decoder) overload(n ast.Node) Field[FileOverload] {
	f := Field[FileOverload]{At: place(n), node: n}
	o := &f.Value
	o.Off, f.Set = d.offOr(n, "overload", "cpu", "95%",
		key{"cpu", func(n ast.Node) { o.CPU = d.share(n, "cpu", "off", 1, match.PPM) }},
		key{"memory", func(n ast.Node) { o.Memory = d.share(n, "memory", "off", 1, match.PPM) }},
		key{"run_queue", func(n ast.Node) { o.RunQueue = d.decimal(n, "run_queue", "off", MinRunQueue, MaxRunQueue) }},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) rateLimit(n ast.Node) Field[FileRateLimit] {
	f := Field[FileRateLimit]{At: place(n), node: n}
	r := &f.Value
	r.Off, f.Set = d.offOr(n, "rate_limit", "rate", "100/s",
		key{"rate", func(n ast.Node) { r.Rate = scalar(d, n, "rate", "a rate", parseRate) }},
		key{"burst", func(n ast.Node) { r.Burst = d.whole(n, "burst", "", 1, MaxBurst) }},
		key{"by", func(n ast.Node) { r.By = d.text(n, "by") }},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) concurrency(n ast.Node) Field[FileConcurrency] {
	f := Field[FileConcurrency]{At: place(n), node: n}
	c := &f.Value
	c.Off, f.Set = d.offOr(n, "concurrency", "limit", "100",
		key{"limit", func(n ast.Node) { c.Limit = d.whole(n, "limit", "auto", 1, MaxConcurrency) }},
		key{"max", func(n ast.Node) { c.Max = d.whole(n, "max", "", 1, MaxConcurrency) }},
		key{"by", func(n ast.Node) { c.By = d.text(n, "by") }},
	)
	f.Bad = !f.Set
	return f
}

// fallbacks are the words of fallback, by the kinds of it.
var fallbacks = []string{FallbackGray: "on", FallbackOff: "off", FallbackBoth: "both"}

func (d *decoder) fallback(n ast.Node) Field[Fallback] {
	return oneOf(d, n, "fallback", fallbacks, func(i int) Fallback { return Fallback(i) })
}
