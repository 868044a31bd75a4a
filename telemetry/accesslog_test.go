package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// filled is a record that has everything.
func filled(r *Record) *Record {
	r.Time = time.Unix(1700000000, 0).UTC()
	r.Client, r.Protocol = "192.0.2.7", "HTTP/1.1"
	r.Method = "GET"
	r.Host = `a"b`
	r.Target = "/x?\x01"
	r.UserAgent = "curl/8 \"é\\"
	r.Referer = "https://example.test/\n"
	r.TraceID = "0123456789abcdef0123456789abcdef"
	r.RequestID = "id-1"
	r.Status, r.BytesIn, r.BytesOut, r.HeadOut = 502, 80, 150, 50
	r.Duration, r.Took = 1500*time.Microsecond, 1042*time.Microsecond
	r.Route, r.Rule, r.Tag, r.Pool, r.Upstream = "shop", "tagged", "gray", "stable", "127.0.0.1:1"
	r.Attempts, r.Retries = 2, 1
	r.Experiments = "search=B, color=red"
	r.Fallback, r.Error, r.Cut = true, "upstream_closed", true
	return r
}

// descriptors checks at the end of the test that as many files are open as now.
func descriptors(t *testing.T) {
	t.Helper()
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	t.Cleanup(func() {
		if after := count(); after != before {
			t.Errorf("open files: got %d at the end, want %d", after, before)
		}
	})
}

// open opens a log of a file in a folder of the test's own. At the end it must be closed, with all of its files.
func open(t *testing.T, o AccessOptions) (*AccessLog, string) {
	t.Helper()
	descriptors(t)
	if o.To == "" {
		o.To = filepath.Join(t.TempDir(), "access.log")
	}
	l, err := OpenAccessLog(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		<-l.done
	})
	return l, o.To
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// put puts a record that its target tells apart.
func put(l *AccessLog, target string) {
	l.Put(0, &Record{Target: target})
}

var onlyTarget = []string{"target"}

func line(target string) string { return fmt.Sprintf("{\"target\":%q}\n", target) }

func TestAccessLogWritesWholeLines(t *testing.T) {
	row := func(name string, o AccessOptions, want string) {
		t.Run(name, func(t *testing.T) {
			l, path := open(t, o)
			l.Put(0, filled(&Record{}))
			l.Close()
			if got := text(t, path); got != want+"\n" {
				t.Errorf("line:\n got %s want %s", got, want)
			}
			if o.Format != FormatCombined && !json.Valid([]byte(want)) {
				t.Errorf("%s is no JSON", want)
			}
		})
	}
	const usual = `{"time":"2023-11-14T22:13:20Z","client":"192.0.2.7","method":"GET","host":"a\"b","target":"/x?\u0001",` +
		`"status":502,"bytes_out":150,"duration_ms":1.5,"route":"shop","tag":"gray","pool":"stable","attempts":2,` +
		`"rule":"tagged","experiments":"search=B, color=red","upstream":"127.0.0.1:1","request_id":"id-1","fallback":true,"error":"upstream_closed","cut":true}`
	row("json", AccessOptions{}, usual)
	row("all fields", AccessOptions{Fields: AccessFields()}, strings.TrimSuffix(usual, "}")+
		`,"protocol":"HTTP/1.1","bytes_in":80,"upstream_ms":1.042,"retries":1,"trace_id":"0123456789abcdef0123456789abcdef",`+
		`"user_agent":"curl/8 \"é\\","referer":"https://example.test/\n"}`)
	row("fields in their order", AccessOptions{Fields: []string{"status", "client", "time"}}, `{"status":502,"client":"192.0.2.7","time":"2023-11-14T22:13:20Z"}`)
	row("combined", AccessOptions{Format: FormatCombined},
		`192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /x?\x01 HTTP/1.1" 502 100 "https://example.test/\x0A" "curl/8 \x22\xC3\xA9\x5C"`)
}

// A request of which little is known.
func TestAccessLogOfNothing(t *testing.T) {
	row := func(name string, o AccessOptions, want string) {
		t.Run(name, func(t *testing.T) {
			l, path := open(t, o)
			l.Put(0, &Record{Time: time.Unix(0, 0).UTC()})
			l.Close()
			if got := text(t, path); got != want+"\n" {
				t.Errorf("line:\n got %s want %s", got, want)
			}
		})
	}
	row("json", AccessOptions{}, `{"time":"1970-01-01T00:00:00Z","client":"","method":"","host":"","target":"","status":0,"bytes_out":0,"duration_ms":0}`)
	row("fields that it has not", AccessOptions{Fields: []string{"rule", "cut"}}, `{}`)
	row("combined", AccessOptions{Format: FormatCombined}, `- - - [01/Jan/1970:00:00:00 +0000] "-" 000 0 "-" "-"`)
}

// After a rename all goes to the old file until Reopen, and to a new one from then on. No line is lost, and none is in both.
func TestAccessLogReopens(t *testing.T) {
	l, path := open(t, AccessOptions{Fields: onlyTarget})
	for turn := range 3 {
		old := fmt.Sprintf("%s.%d", path, turn)
		put(l, fmt.Sprint("before-", turn))
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatalf("a file that nothing was written to yet: %v", err)
		}
		if mode := info.Mode().Perm(); mode&^0o640 != 0 {
			t.Errorf("mode of the new file: got %v, want no more than 0640", mode)
		}
		put(l, fmt.Sprint("after-", turn))
	}
	l.Close()
	all := text(t, path)
	if want := line("after-2"); !strings.HasSuffix(all, want) {
		t.Errorf("the newest file: got %q, want it to end in %q", all, want)
	}
	for turn := 2; turn >= 0; turn-- {
		all = text(t, fmt.Sprintf("%s.%d", path, turn)) + all
	}
	var want string
	for turn := range 3 {
		want += line(fmt.Sprint("before-", turn)) + line(fmt.Sprint("after-", turn))
	}
	if all != want || l.Dropped() != 0 {
		t.Errorf("all files: got %q and %d dropped, want %q", all, l.Dropped(), want)
	}
}

// Where the new file cannot be opened, the log goes on in the old one.
func TestAccessLogReopenFails(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	l, path := open(t, AccessOptions{To: filepath.Join(folder, "a.log"), Fields: onlyTarget})
	if err := os.Rename(folder, folder+".old"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such folder", err)
	}
	put(l, "a")
	l.Close()
	if got, want := text(t, filepath.Join(folder+".old", filepath.Base(path))), line("a"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 3 { // on a log that is over
		_ = l.Reopen()
	}
}

// Lines written, files renamed and the log closed by many at once: each line is in one file, whole.
func TestAccessLogReopensUnderLoad(t *testing.T) {
	const writers, lines = 4, 500
	l, path := open(t, AccessOptions{Fields: onlyTarget, Pens: writers / 2})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range lines { // far less than may wait: none is dropped
				l.Put(w/2, &Record{Target: fmt.Sprintf("/%d/%d", w, i)})
			}
		})
	}
	turns := 0
	rotated := make(chan struct{})
	go func() {
		defer close(rotated)
		for ; turns < 20; turns++ {
			if err := errors.Join(os.Rename(path, fmt.Sprintf("%s.%d", path, turns)), l.Reopen()); err != nil {
				t.Error(err)
			}
		}
	}()
	all.Wait()
	<-rotated
	l.Close()
	_ = l.Reopen()
	seen := map[string]int{}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for got := range strings.Lines(text(t, f)) {
			seen[got]++
		}
	}
	for w := range writers {
		for i := range lines {
			if want := line(fmt.Sprintf("/%d/%d", w, i)); seen[want] != 1 {
				t.Fatalf("%q is there %d times; %d dropped", want, seen[want], l.Dropped())
			}
		}
	}
}

// A reader that never reads must cost records, never time: neither who puts nor who closes waits for it.
func TestAccessLogNeverBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAccessLog(AccessOptions{To: path}); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("a pipe that nobody has open: got %v, want an error at once", err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var lost atomic.Uint64
	target, err := openTarget(path)
	if err != nil {
		t.Fatal(err)
	}
	l := newAccessLog(AccessOptions{Dropped: &lost}, target)
	l.patience = time.Millisecond
	go l.run()
	long := strings.Repeat("x", 4096)
	const lines = 2 * accessLogBytes / 4096
	for range lines {
		put(l, long)
	}
	behind := l.Dropped()
	if behind == 0 {
		t.Errorf("%d lines of 4 KiB into a pipe that nobody reads: got none dropped, want some", lines)
	}
	l.Close()
	<-l.done // it gives up what it was about to write
	if got := lost.Load(); got <= behind || got >= lines {
		t.Errorf("dropped: got %d of %d, want those that were queued too, and not those that the pipe holds", got, lines)
	}
}

// Lines that a full disk does not take are counted, and the one that it took half of does not spoil the next.
func TestAccessLogOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	target, err := openTarget(path)
	if err != nil {
		t.Fatal(err)
	}
	f := target.(*fileTarget)
	if lost := f.write([]byte("one\ntwo\n"), 2); lost != 0 {
		t.Fatalf("got %d lost", lost)
	}
	real := f.file.Load()
	half, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.file.Store(half)
	if lost := f.write([]byte("three\nfour\n"), 2); lost != 2 || f.torn {
		t.Errorf("got %d lost, torn %v; want 2 and not", lost, f.torn)
	}
	_ = half.Close()
	f.file.Store(real)
	f.torn = true
	if lost := f.write([]byte("five\n"), 1); lost != 0 {
		t.Errorf("got %d lost, want none", lost)
	}
	f.close()
	if got, want := text(t, path), "one\ntwo\n\nfive\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is not asked for need not be kept.
func TestAccessLogWants(t *testing.T) {
	row := func(o AccessOptions, want Wants) {
		if got := newAccessLog(o, newFileTarget("", os.Stdout)).Wants(); got != want {
			t.Errorf("%+v: got %+v, want %+v", o, got, want)
		}
	}
	row(AccessOptions{}, Wants{})
	row(AccessOptions{Fields: []string{"referer", "time"}}, Wants{Referer: true})
	row(AccessOptions{Fields: AccessFields()}, Wants{UserAgent: true, Referer: true, TraceID: true})
	row(AccessOptions{Format: FormatCombined}, Wants{UserAgent: true, Referer: true})
}
