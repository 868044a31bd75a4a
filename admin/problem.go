package admin

import (
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/valyala/fasthttp"
)

// problem is why a request is not answered as it wanted. Its JSON names are stable.
type problem struct {
	status  int
	Code    string `json:"error"` // a stable word
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// answer writes the problem instead of anything that was written before.
func (p *problem) answer(ctx *fasthttp.RequestCtx) {
	allow := string(ctx.Response.Header.Peek(fasthttp.HeaderAllow))
	ctx.Response.Reset()
	harden(ctx)
	if allow != "" {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
	}
	switch p.status {
	case fasthttp.StatusUnauthorized:
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Bearer realm="graygate"`)
	case fasthttp.StatusTooManyRequests:
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(int(allowanceBurst.Seconds())))
		ctx.SetConnectionClose()
	case fasthttp.StatusServiceUnavailable:
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	ctx.SetStatusCode(p.status)
	body, err := json.Marshal(p)
	if err != nil {
		panic("BUG: a problem is no JSON: " + err.Error())
	}
	ctx.SetContentType(typeJSON)
	ctx.SetBody(append(body, '\n'))
}

// harden sets the fields of every answer.
func harden(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
}

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
)

// refuse answers what is no request, and what does not come in time. The connection is closed after it.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	p := problem{400, "bad_request", "that is no HTTP request", ""}
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		p = problem{431, "head_too_large", "the head has more than " + strconv.Itoa(headBytes) + " bytes", ""}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		p = problem{413, "body_too_large", "the body has more than " + strconv.Itoa(bodyBytes) + " bytes", ""}
	case errors.As(err, &timeout) && timeout.Timeout():
		p = problem{408, "too_slow", "the request was not whole after " + requestTime.String(), ""}
	}
	p.answer(ctx)
	ctx.SetConnectionClose()
}

// shown makes a client's text fit for an answer: quoted, short, and without what a terminal would act on.
func shown(text string) string { return strconv.Quote(shorten(text)) }

// shorten makes a text clean and short.
func shorten(text string) string {
	const most = 200
	text = clean(text)
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}

// clean takes out of a text what a terminal would act on; lines stay.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
