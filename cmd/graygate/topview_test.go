package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite what is compared with")

// state makes what /ui/data gives after some seconds of traffic.
func state(seconds float64, routes int) *topData {
	d := &topData{AtMS: seconds * 1e3, Generation: 3, Ready: true, Metered: true, BoundsMS: []float64{1, 10, 100}}
	d.Process.PID, d.Process.Version, d.Process.UptimeS, d.Reload.OK = 4711, "1.2.3", 3600+seconds, true
	n := uint64(seconds)
	d.Gateway.Connections, d.Gateway.LoopLagMS = 12, 98.7
	d.Gateway.Counters.Requests, d.Gateway.Counters.Gray, d.Gateway.Counters.Fallbacks = 1000*n, 100*n, 5*n
	for i := range routes {
		k := n * uint64(i+1)
		r := topRoute{Name: fmt.Sprintf("route-%d", i), Requests: 10 * k, Gray: k, Fallbacks: k / 10}
		r.Stable.Requests, r.Stable.Errors, r.Stable.Latency.Buckets = 9*k, k/10, []uint64{8 * k, k, 0, 0}
		r.GraySide.Requests, r.GraySide.Errors, r.GraySide.Latency.Buckets = k, k/2, []uint64{0, 0, k / 2, k / 2}
		d.Routes = append(d.Routes, r)
	}
	d.Pools = []poolData{
		{Name: "stable", Endpoints: []endpointData{{Address: "127.0.0.1:9101", State: "healthy", Reason: "ok", InFlight: 3, Latency: 1.25}}},
		{Name: "gray", Endpoints: []endpointData{{Address: "127.0.0.1:9201", State: "open", Reason: "consecutive, for another 1s", Latency: 2500}}},
	}
	d.Events.Items = []topEvent{{Time: time.Date(2026, 12, 24, 18, 0, int(seconds), 0, time.Local), Kind: "endpoint", Pool: "gray", Endpoint: "127.0.0.1:9201", From: "healthy", To: "open", Reason: "consecutive"}}
	return d
}

// What the picture looks like in a terminal of 80 by 24.
func TestTopPicture(t *testing.T) {
	v := newTopView(state(10, 12))
	v.take(state(12, 12))
	picture := strings.Join(v.frame(80, 24, false), "\n") + "\n"
	v.trouble = errors.New("no gateway answers at the admin address 127.0.0.1:9901: connection refused")
	picture += "-- and when nobody answers, held, at 60 by 8\n" + strings.Join(v.frame(60, 8, true), "\n") + "\n"
	path := filepath.Join("testdata", "top.txt")
	if *update {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || picture != string(want) {
		t.Errorf("got (%v)\n%s\nwant\n%s", err, picture, want)
	}
}

// Whatever the gateway tells and however small the terminal is, the picture fits and holds nothing that a terminal acts on.
func TestTopFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := state(rapid.Float64Range(0, 1e9).Draw(t, "seconds"), rapid.IntRange(0, 40).Draw(t, "routes"))
		d.Pools[0].Endpoints[0].Reason = rapid.String().Draw(t, "reason")
		d.Pools[0].Name = rapid.String().Draw(t, "name")
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			d.Events.Items = append(d.Events.Items, topEvent{Kind: "change", To: "x", Reason: rapid.String().Draw(t, "why")})
		}
		v := newTopView(state(1, 3))
		v.take(d)
		if rapid.Bool().Draw(t, "trouble") {
			v.trouble = errors.New(rapid.String().Draw(t, "what"))
		}
		width, height := rapid.IntRange(1, 200).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
		lines := v.frame(width, height, false)
		if len(lines) > height || len(lines) == 0 {
			t.Fatalf("%d lines in %d", len(lines), height)
		}
		for _, line := range lines {
			if len(line) > width || line != plainText(line) {
				t.Fatalf("the line %q in %d columns", line, width)
			}
		}
	})
}

// Rates are taken between two states of one process; a count that went down and another process begin anew.
func TestTopRates(t *testing.T) {
	row := func(name string, next *topData, want string) {
		t.Helper()
		v := newTopView(state(10, 1))
		v.take(next)
		head := v.head(false)[1] // the line of rates
		if got := head[:strings.Index(head, " requests/s")]; got != want {
			t.Errorf("%s: got %s requests/s, want %s", name, got, want)
		}
	}
	row("two seconds later", state(12, 1), "1000")
	row("at the same time", state(10, 1), "0")
	row("earlier", state(5, 1), "0")
	other := state(12, 1)
	other.Process.PID++
	row("another process", other, "0")
	less := state(12, 1)
	less.Gateway.Counters.Requests = 1
	row("fewer", less, "0")
}

func TestQuantile(t *testing.T) {
	bounds := []float64{1, 10, 100}
	row := func(buckets []uint64, share, want float64, beyond bool) {
		t.Helper()
		if got, over := quantile(buckets, bounds, share); got != want || over != beyond {
			t.Errorf("%v of %v: got %v %v, want %v %v", share, buckets, got, over, want, beyond)
		}
	}
	row([]uint64{0, 0, 0, 0}, 0.95, 0, false)
	row([]uint64{100, 0, 0, 0}, 0.95, 0.95, false)
	row([]uint64{0, 100, 0, 0}, 0.5, 5.5, false)
	row([]uint64{50, 0, 50, 0}, 0.5, 1, false)
	row([]uint64{50, 0, 50, 0}, 0.75, 55, false)
	row([]uint64{50, 0, 0, 50}, 0.95, 100, true)
	row([]uint64{1, 2}, 0.95, 0, false) // buckets of something else
}

// Names that a client of the admin API uses are those that it gives.
func TestTopReads(t *testing.T) {
	var d topData
	text := `{"at_ms":5,"process":{"pid":1,"uptime_s":2},"metered":true,"routes":[{"name":"a","requests":3,"gray_assigned":2,"stable":{"latency":{"buckets":[1]}},
"gray":{"requests":2,"errors":1}}],"pools":[{"name":"p","in_flight":4,"endpoints":[{"address":"x","state":"open","in_flight":1,"latency_ms":2.5}]}],"events":{"last":9,"items":[{"to":"ok"}]}}`
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if r, e := d.Routes[0], d.Pools[0].Endpoints[0]; d.AtMS != 5 || d.Process.UptimeS != 2 || r.Gray != 2 || r.GraySide.Errors != 1 || len(r.Stable.Latency.Buckets) != 1 ||
		e.Latency != 2.5 || e.InFlight != 1 || d.Pools[0].InFlight != 4 || d.Events.Last != 9 || d.Events.Items[0].To != "ok" {
		t.Errorf("got %+v", d)
	}
}
