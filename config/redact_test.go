package config_test

import (
	"bytes"
	"strings"
	"testing"

	"graygate/config"
)

// No secret of a config is in what people get to look at; the plan that the gateway runs by keeps them.
func TestRedacted(t *testing.T) {
	const text = `
listeners: [{address: ":8080"}]
tracing: {endpoint: "http://127.0.0.1:4318", headers: {x-team: sesame8, Authorization: Bearer sesame9}}
audiences:
  vips: {redis: "redis://reader:sesame1@127.0.0.1:6379/0", key: vips}
  plain: {redis: "redis://127.0.0.1:6379/1", key: plain}
upstreams:
  web:
    endpoints: ["127.0.0.1:9101"]
    probe: {http: {path: "/ready?token=sesame2&deep=1", headers: {Authorization: "Bearer sesame3", X-Api-Key: sesame4, Accept: text/plain}}}
  cache:
    endpoints: ["127.0.0.1:9102"]
    probe: {tcp: {send: "AUTH sesame5\r\n", expect: OK}}
  queue:
    endpoints: ["127.0.0.1:9103"]
    probe: {tcp: {send: "PING\r\n", expect: PONG}}
routes: [{name: all, stable: web}]
attributes: {userid: {from: [header X-User-Id]}}
layers: {ui: {by: userid}}
experiments:
  color: {layer: ui, slots: [0-99], variants: {red: {weight: 1, headers: {X-Auth-Mode: sesame6, X-Color: red}}, blue: {weight: 1, headers: {X-Auth-Mode: sesame7, X-Color: blue}}}}
`
	plan, err := config.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	whole := string(plan.YAML())
	got := string(plan.Redacted().YAML())
	if strings.Count(whole, "sesame") != 9 {
		t.Fatalf("the plan itself: got %d secrets, want 9:\n%s", strings.Count(whole, "sesame"), whole)
	}
	if strings.Contains(got, "sesame") {
		t.Errorf("a secret is shown:\n%s", got)
	}
	for _, want := range []string{
		"redis://reader:REDACTED@127.0.0.1:6379/0", "redis://127.0.0.1:6379/1", "/ready?token=REDACTED&deep=1", "Accept: text/plain",
		"Authorization: REDACTED", "x-team: REDACTED", "X-Api-Key: REDACTED", "send: REDACTED", `send: "PING\u000d\n"`, "X-Auth-Mode: REDACTED", "X-Color: red",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("redacted: got no %q in\n%s", want, got)
		}
	}
	if again, err := config.Parse("again.yaml", []byte(got)); err != nil || !bytes.Equal(again.YAML(), []byte(got)) {
		t.Errorf("what is shown is no config any more: %v", err)
	}
	if !bytes.Equal(plan.YAML(), []byte(whole)) {
		t.Error("the plan itself was changed")
	}
}
