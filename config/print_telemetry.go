package config

import "fmt"

func (w *printer) admin(a Admin) {
	if a.Address == "" {
		w.line(0, "admin: off")
		return
	}
	text := quote(a.Address) + ", token_file: " + orOff(a.TokenFile)
	if _, is := a.Socket(); is {
		text += fmt.Sprintf(", mode: '%04o'", a.Mode)
	}
	w.line(0, "admin: {address: %s}", text)
}

func (w *printer) accessLog(l AccessLog) {
	if l.To == "off" {
		w.line(0, "access_log: off")
		return
	}
	w.line(0, "access_log:")
	w.line(1, "to: %s", quote(l.To))
	w.line(1, "format: %s", l.Format)
	if len(l.Fields) > 0 {
		w.line(1, "fields: %s", flow(l.Fields))
	}
	w.line(1, "sample: %s", quote(l.Sample))
}

func (w *printer) tracing(t *Tracing) {
	if t == nil {
		w.line(0, "tracing: off")
		return
	}
	w.line(0, "tracing:")
	w.line(1, "endpoint: %s", quote(t.Endpoint))
	w.line(1, "sample: %s", shareOrOff(t.Sample))
	w.line(1, "gray: %s", shareOrOff(t.Gray))
	w.line(1, "errors: %s", onOff(t.Errors))
	w.line(1, "service_name: %s", quote(t.ServiceName))
	w.line(1, "headers: %s", flowMap(t.Headers))
	if t.CAFile != "" {
		w.line(1, "ca_file: %s", quote(t.CAFile))
	}
	w.line(1, "timeout: %s", formatDuration(t.Timeout))
}
