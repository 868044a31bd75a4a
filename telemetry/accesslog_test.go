package telemetry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAccessLogWritesWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l, err := OpenAccessLog(path)
	if err != nil {
		t.Fatal(err)
	}
	r := l.Take()
	r.Time = time.Unix(1700000000, 0).UTC()
	r.Client = "192.0.2.7"
	r.Method = append(r.Method, "GET"...)
	r.Host = append(r.Host, `a"b`...)
	r.Target = append(r.Target, "/x?\x01"...)
	r.Status, r.BytesOut, r.Duration = 502, 150, 1500*time.Microsecond
	r.Route, r.Rule, r.Tag, r.Pool, r.Upstream, r.Attempts = "shop", "tagged", "gray", "stable", "127.0.0.1:1", 2
	r.Experiments = append(r.Experiments, "search=B, color=red"...)
	r.Fallback, r.Error = true, "upstream_closed"
	l.Put(r)
	l.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	want := `{"time":"2023-11-14T22:13:20Z","client":"192.0.2.7","method":"GET","host":"a\"b","target":"/x?\u0001",` +
		`"status":502,"bytes_out":150,"duration_ms":1.5,"route":"shop","tag":"gray","pool":"stable","attempts":2,` +
		`"rule":"tagged","experiments":"search=B, color=red","upstream":"127.0.0.1:1","fallback":true,"error":"upstream_closed"}` + "\n"
	if string(text) != want {
		t.Errorf("line:\n got %s want %s", text, want)
	}
}

// A reader that never reads must cost records, never time.
func TestAccessLogNeverBlocks(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &AccessLog{queue: make(chan *Record, 8), free: make(chan *Record, 8), out: w, owned: true,
		stop: make(chan struct{}), done: make(chan struct{})}
	go l.write(w)
	long := strings.Repeat("x", 4096)
	const lines = 1000
	for range lines {
		rec := l.Take()
		rec.Target = append(rec.Target, long...)
		l.Put(rec)
	}
	if l.Dropped() == 0 {
		t.Error("1,000 lines of 4 KiB into a pipe that nobody reads: got none dropped, want some")
	}
	_ = r.Close() // the writer's next write fails, and it must end all the same
	l.Close()
}

func TestAccessLogReusesRecords(t *testing.T) {
	l := &AccessLog{queue: make(chan *Record, 1), free: make(chan *Record, 1)}
	r := l.Take()
	r.Target, r.Route, r.Cut = append(r.Target, "/secret"...), "a", true
	l.release(r)
	again := l.Take()
	if again != r || len(again.Target) != 0 || again.Route != "" || again.Cut {
		t.Errorf("a record taken again: got %+v, want the same one, empty", again)
	}
}
