package config

import (
	"fmt"
	"strings"

	"graygate/match"
)

// variants checks the arms of an experiment.
func (c *checker) variants(f Field[[]FileVariant]) {
	if len(f.Value) > match.MaxVariants {
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d variants", match.MaxVariants), Fix: "use fewer"})
		return
	}
	for _, v := range f.Value {
		c.name(v.Name, "variant")
		if !v.Weight.written() {
			c.fail(v.Name.At, problem{What: "variant " + quoted(v.Name.Value) + " has no weight", Why: "it says how many units get it, relative to the other variants", Fix: "add weight: 50"})
		}
		c.headers(v.Headers)
		c.pool(v.To)
		if len(v.Force.Value) > match.MaxForcedUnits {
			c.fail(v.Force.At, problem{What: fmt.Sprintf("more than %d forced units", match.MaxForcedUnits), Fix: "make a rule with an audience of it"})
			continue
		}
		for _, unit := range v.Force.Value {
			if unit.Value == "" || len(unit.Value) > match.MaxUnitBytes {
				c.fail(unit.At, problem{What: fmt.Sprintf("a unit of %d bytes", len(unit.Value)), Why: "no request has such a unit", Fix: fmt.Sprintf("write 1 to %d bytes", match.MaxUnitBytes)})
			}
		}
	}
}

// headers checks the fields that a variant writes.
func (c *checker) headers(f Field[[]FileHeader]) {
	if len(f.Value) > MaxHeaders {
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d headers", MaxHeaders), Fix: "join some of them"})
		return
	}
	first := map[string]Pos{}
	for _, h := range f.Value {
		plain := plainName(h.Name.Value)
		switch why := refusedHeader(plain); {
		case !isToken(h.Name.Value) || len(h.Name.Value) > MaxName:
			c.fail(h.Name.At, problem{What: quoted(h.Name.Value) + " cannot be the name of a header", Fix: fmt.Sprintf("use letters, digits and -, up to %d", MaxName)})
		case why != "":
			c.fail(h.Name.At, problem{What: "a variant cannot write " + h.Name.Value, Why: why, Fix: "choose another name, such as X-Variant"})
		default:
			once(c.source, first, plain, h.Name.At, "header "+h.Name.Value)
		}
		switch v := h.Value; {
		case !v.Set:
		case v.Value == "":
			c.fail(v.At, problem{What: h.Name.Value + " is empty", Fix: "write a value, or delete it: what a client sends under the name is dropped anyway"})
		case hasControl(v.Value) || strings.TrimSpace(v.Value) != v.Value:
			c.fail(v.At, problem{What: "the value of " + h.Name.Value + " has control characters or space at an end", Why: "receivers cut it or refuse it", Fix: "delete them"})
		case len(v.Value) > MaxHeaderValue:
			c.fail(v.At, problem{What: fmt.Sprintf("the value of %s is longer than %s", h.Name.Value, formatSize(MaxHeaderValue)), Fix: "shorten it"})
		}
	}
}

// plainName is a field's name as servers compare it: without case, and, behind CGI and its like, with - for _ and other signs.
func plainName(name string) string {
	plain := []byte(name)
	for i, b := range plain {
		plain[i] = plainByte(b)
	}
	return string(plain)
}

// Why a variant must not write a field.
const (
	framing  = "it says where a message ends, or belongs to one connection"
	gateways = "the gateway writes it itself"
	clients  = "it is the client's, and dropped wherever a variant writes it"
)

var refusedHeaders = map[string]string{
	"host": framing, "content-length": framing, "transfer-encoding": framing, "connection": framing, "keep-alive": framing,
	"proxy-connection": framing, "te": framing, "trailer": framing, "upgrade": framing, "expect": framing, "http2-settings": framing,
	"max-forwards": framing, "proxy": framing, "proxy-authenticate": framing, "proxy-authorization": framing, "content-encoding": framing,
	"x-request-id": gateways, "traceparent": gateways, "tracestate": gateways, "forwarded": gateways, "via": gateways,
	"x-real-ip": gateways, "x-experiment": gateways, "x-experiment-override": gateways, "date": gateways,
	"cookie": clients, "set-cookie": clients, "authorization": clients, "range": clients, "if-match": clients, "if-none-match": clients,
	"if-modified-since": clients, "if-unmodified-since": clients, "if-range": clients, "content-type": clients, "content-range": clients,
}

// refusedHeader tells why a variant must not write a field, "" if it may. The name is plain.
func refusedHeader(plain string) string {
	if why := refusedHeaders[plain]; why != "" {
		return why
	}
	for _, prefix := range []string{"x-gray-", "x-graygate-", "x-forwarded-", "sec-websocket-"} {
		if strings.HasPrefix(plain, prefix) {
			if prefix == "sec-websocket-" {
				return framing
			}
			return gateways
		}
	}
	return ""
}
