package config

import (
	"io/fs"
	"testing"

	"pgregory.net/rapid"

	"graygate/match"
	"graygate/telemetry"
	"graygate/telemetry/trace"
)

// telemetry draws how a gateway is watched.
func (d *drawer) telemetry(p *Plan, folder string) {
	t := d.t
	if p.Admin.Address = d.one("", "127.0.0.1:9901", "[fe80::1%eth0]:0", "unix:/run/a b/'x.sock", "unix:/a"); p.Admin.Address != "" {
		p.Admin.TokenFile = d.one("", folder+"/override.key")
	}
	if _, is := p.Admin.Socket(); is {
		p.Admin.Mode = rapid.SampledFrom(socketModes).Draw(t, "mode")
	}
	to, format := d.one("off", "stdout", "stderr", "journald", d.path()), d.one(logFormats...)
	fields := rapid.SliceOfNDistinct(rapid.SampledFrom(telemetry.AccessFields()), 1, -1, rapid.ID[string]).Draw(t, "fields")
	if format == telemetry.FormatCombined {
		fields = nil
	}
	ppm := rapid.Uint32Range(1, match.PPM).Draw(t, "sample")
	switch d.one("all", "errors", "share") {
	case "all":
		p.AccessLog = AccessLog{to, format, fields, "all", 1}
	case "errors":
		p.AccessLog = AccessLog{to, format, fields, "errors", 0}
	default:
		p.AccessLog = AccessLog{to, format, fields, formatPercent(ppm) + "%", float64(ppm) / match.PPM}
	}
	if to == "off" {
		p.AccessLog = AccessLog{To: "off", Sample: "all", SampleRate: 1}
	}
	if d.bool() {
		return
	}
	p.Tracing = &Tracing{
		Endpoint: d.one("http://127.0.0.1:4318", "https://collector.example:1/a/b%20c", "grpc://[::1]:4317", "grpcs://a:65535"),
		Sample:   d.ppm(), Gray: d.ppm(), Errors: d.bool(), ServiceName: d.text(), Timeout: MinTracingTimeout * 7,
	}
	if p.Tracing.Sample+p.Tracing.Gray == 0 {
		p.Tracing.Errors = true
	}
	if p.Tracing.Endpoint[4] == 's' {
		p.Tracing.CAFile = d.one("", folder+"/ca.pem")
	}
	if d.bool() {
		p.Tracing.Headers = map[string]string{"Authorization": "Bearer a'\"b", d.one("x-team", "on", "a'b|~"): d.one("", ": #", "[1]", "off")}
	}
}

var socketModes = []fs.FileMode{0o600, 0o620, 0o660, 0o664, 0o666}

func (d *drawer) ppm() uint32 {
	return rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Range(1, match.PPM)).Draw(d.t, "ppm")
}

// What is taken here as the way to a collector is taken by what goes there.
func TestTracingIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`(http|https|grpc|grpcs|ftp|)(://|:)(\[::1\]|[a-z%.@]{0,5}|127\.0\.0\.1)(:[0-9]{0,5})?(/[a-z/%20?#{]{0,6})?`),
			rapid.String(),
		).Draw(t, "endpoint")
		endpoint, p := parseCollector(text)
		if p != nil {
			return
		}
		c := trace.Config{Endpoint: endpoint, ServiceName: "graygate"}
		if err := c.Check(); err != nil {
			t.Fatalf("%q is taken for a collector, and is none: %v", text, err)
		}
	})
}
