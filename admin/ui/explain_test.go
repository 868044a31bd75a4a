package ui_test

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"graygate/config"
	"graygate/match"
	"graygate/upstream"
)

// explained is the config that the simulation explains requests by: the explanations themselves are real ones.
const explained = `
listeners: [{address: 127.0.0.1:8080}]
attributes:
  userid: {from: [header X-User-Id, cookie uid]}
  os: {from: [header X-OS]}
upstreams:
  stable: {endpoints: [127.0.0.1:9101]}
  shop-gray: {endpoints: [127.0.0.1:9201]}
routes:
  - name: shop
    host: shop.example.com
    stable: stable
    gray: shop-gray
    rules:
      - {name: testers, when: "tag == 'gray'"}
      - {name: ios-ramp, when: "os == 'ios'", percent: 20, by: userid}
      - {name: ramp, percent: 4, by: userid}
layers:
  page: {by: userid}
experiments:
  color:
    layer: page
    slots: [0-9999]
    state: active
    variants: {green: 50, blue: 50}
`

// explainer answers /explain by that config.
func explainer(t *testing.T) func(body []byte) (int, any) {
	t.Helper()
	plan, err := config.Parse("graygate.yaml", []byte(explained))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := config.Build(plan, match.Lookups{}, upstream.NewRegistry(upstream.Options{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	return func(body []byte) (int, any) {
		var q struct {
			Method, URL string
			Headers     []config.Header
		}
		if err := json.Unmarshal(body, &q); err != nil {
			return 400, map[string]any{"error": "bad_request", "message": err.Error()}
		}
		u, err := url.Parse(q.URL)
		if err != nil {
			return 400, map[string]any{"error": "bad_request", "message": "The url is none.", "fix": "Write http://HOST/PATH, or /PATH."}
		}
		return 200, snap.Explain(config.ExplainRequest{
			Method: q.Method, Host: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Headers: q.Headers,
			IP: netip.MustParseAddr("127.0.0.1"), Time: time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC),
		})
	}
}
