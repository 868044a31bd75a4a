package config

import (
	"io/fs"
	"time"

	"graygate/match"
	"graygate/telemetry"
)

// What holds for keys of admin and tracing that are left out.
const (
	defaultSocketMode  fs.FileMode = 0o660
	defaultTraceSample             = match.PPM / 100
	defaultTraceGray               = match.PPM / 10
	defaultTimeout                 = 5 * time.Second
)

func (s *source) fillAdmin(f FileAdmin) Admin {
	a := Admin{Address: f.Address.or(""), TokenFile: s.pathOf(f.TokenFile)}
	if _, is := a.Socket(); is {
		a.Mode = f.Mode.or(defaultSocketMode)
	}
	return a
}

func fillAccessLog(f FileAccessLog, def AccessLog) AccessLog {
	if f.Off {
		return AccessLog{To: "off", Sample: "all", SampleRate: 1}
	}
	s := f.Sample.or(Sample{def.Sample, def.SampleRate})
	l := AccessLog{To: f.To.or(def.To), Format: f.Format.or(def.Format), Sample: s.Word, SampleRate: s.Rate}
	switch {
	case l.Format == telemetry.FormatCombined:
	case f.Fields.Set:
		l.Fields = values[string](f.Fields.Value)
	default:
		l.Fields = def.Fields
	}
	return l
}

func (s *source) fillTracing(f Field[FileTracing]) *Tracing {
	t := f.Value
	if !f.Set || t.Off {
		return nil
	}
	p := &Tracing{
		Endpoint: t.Endpoint.Value, Sample: t.Sample.or(defaultTraceSample), Gray: t.Gray.or(defaultTraceGray), Errors: t.Errors.or(true),
		ServiceName: t.ServiceName.or("graygate"), CAFile: s.pathOf(t.CAFile), Timeout: t.Timeout.or(defaultTimeout),
	}
	for _, h := range t.Headers.Value {
		if p.Headers == nil {
			p.Headers = map[string]string{}
		}
		p.Headers[h.Name.Value] = h.Value.Value
	}
	return p
}
