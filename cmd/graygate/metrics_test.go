package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// The process tells on its admin address what it does, and the console has the same figures.
func TestMetricsOfAProcess(t *testing.T) {
	b := backend(t, "stable")
	p := prepare(t, strings.TrimPrefix(b.URL, "http://")).start()
	ask := func(url string) string {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s, %v", url, resp.Status, err)
		}
		return string(body)
	}
	for range 3 {
		ask(p.url + "/")
	}
	page := ""
	has := func(line string) {
		t.Helper()
		until(t, line, func() bool {
			page = ask("http://" + p.admin + "/metrics")
			return strings.Contains(page, "\n"+line+"\n")
		})
	}
	has(`graygate_requests_total{service_name="all",gray_rule_id="",is_gray="false",http_status_code="200",upstream="stable"} 3`)
	has(`graygate_config_generation 1`)
	for _, name := range []string{`graygate_build_info{version="`, "process_cpu_seconds_total ", "go_goroutines "} {
		if !strings.Contains(page, "\n"+name) {
			t.Errorf("the page has no %s", name)
		}
	}
	var data struct {
		Metered bool
		Routes  []struct {
			Name     string
			Requests uint64
		}
	}
	if err := json.Unmarshal([]byte(ask("http://"+p.admin+"/ui/data")), &data); err != nil {
		t.Fatal(err)
	}
	if !data.Metered || len(data.Routes) != 1 || data.Routes[0].Name != "all" || data.Routes[0].Requests != 3 {
		t.Errorf("the console's data: got %+v, want 3 requests of the route all", data)
	}
	p.write(strings.TrimPrefix(b.URL, "http://"), "metrics: off")
	p.signal(syscall.SIGHUP)
	has(`graygate_config_reloads_total{result="ok"} 1`)
	has(`graygate_config_generation 2`)
	if strings.Contains(page, "graygate_requests_total{") {
		t.Error("metrics: off, and requests are told by route")
	}
	if err := json.Unmarshal([]byte(ask("http://"+p.admin+"/ui/data")), &data); err != nil || data.Metered {
		t.Errorf("metrics: off, and the console's data say metered: %v, %v", data.Metered, err)
	}
	if err := os.WriteFile(p.config, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	has(`graygate_config_reloads_total{result="failed"} 1`)
	has(`graygate_config_last_reload_successful 0`)
}
