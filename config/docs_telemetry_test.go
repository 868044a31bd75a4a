package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"graygate/match"
	"graygate/telemetry"
)

// telemetryRanges are the bounds of how a gateway is watched, by section and key.
func telemetryRanges() map[string]string {
	share := formatPercent(1) + "% to " + formatPercent(match.PPM) + "%"
	return map[string]string{
		"admin.token_file":     fmt.Sprintf("%d to %d bytes", MinTokenBytes, MaxTokenBytes),
		"access_log.sample":    share,
		"access_log.fields":    fmt.Sprintf("1 to %d", len(telemetry.AccessFields())),
		"tracing.endpoint":     "at most " + formatSize(MaxCollectorURL),
		"tracing.sample":       share,
		"tracing.gray":         share,
		"tracing.service_name": fmt.Sprintf("at most %d bytes", MaxServiceName),
		"tracing.headers":      fmt.Sprintf("at most %d", MaxHeaders),
		"tracing.timeout":      formatDuration(MinTracingTimeout) + " to " + formatDuration(MaxTracingTimeout),
	}
}

// The page has every field of the access log, in its order, those that are written by default first.
func TestDocAccessFields(t *testing.T) {
	_, section, _ := strings.Cut(readDoc(t), "\n## access_log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, table, found := strings.Cut(section, "| field | what |\n| --- | --- |\n")
	if !found {
		t.Fatal("there is no table of fields")
	}
	var got []string
	for line := range strings.Lines(table) {
		name, is := strings.CutPrefix(line, "| `")
		if !is {
			break
		}
		name, _, _ = strings.Cut(name, "`")
		got = append(got, name)
	}
	if want := telemetry.AccessFields(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if says, want := fmt.Sprintf("The first %d are written unless", len(telemetry.DefaultAccessFields())), section; !strings.Contains(want, says) {
		t.Errorf("the page does not say: %s", says)
	}
}

// Whatever is wrong with a config, no value of tracing.headers is shown.
func TestMistakesHideCollectorHeaders(t *testing.T) {
	row := func(headers string) {
		text := "listeners: [{address: :8080}]\nupstreams: {stable: {endpoints: [127.0.0.1:9101]}}\nroutes: [{name: main, stable: stable}]\n" +
			"tracing: {endpoit: x, headers: " + headers + ", sample: 5}\n"
		_, err := Parse("x", []byte(text))
		if err == nil {
			t.Fatalf("%s: was accepted", text)
		}
		if strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "**") {
			t.Errorf("got\n%v\nwant the value hidden", err)
		}
	}
	row("{x-team: sesame}")
	row(`{x-team: "sesame"}`)
	row(`{x-team: 'se''sesame'}`)
	row(`{"x team": sesame, b: sesame}`)
	row(`{"x-téam": "é sesame"}`)
	row(`{b: "\x41sesame", Host: sesame}`)
}

// Warnings and the printed config know of no secret either: a token is in its file alone.
func TestTokenIsNeverPrinted(t *testing.T) {
	path := t.TempDir() + "/token"
	if err := os.WriteFile(path, []byte("opensesame-opensesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Parse("x", []byte(complete("admin: {address: :9901, token_file: "+path+"}\n")))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(p.YAML()); strings.Contains(text, "sesame") || p.Admin.TokenFile != path {
		t.Errorf("got the file %q and\n%s", p.Admin.TokenFile, text)
	}
}
