package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// Whatever the pieces, the pattern is the same, and a byte changed, lost or doubled shows.
func TestPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 3000).Draw(t, "size")
		whole := make([]byte, size)
		fillPattern(whole, 0)
		cut := rapid.IntRange(0, size-1).Draw(t, "cut")
		rest := make([]byte, size-cut)
		fillPattern(rest, int64(cut))
		if !bytes.Equal(whole[cut:], rest) {
			t.Fatalf("the pattern from %d on differs", cut)
		}
		if n, err := checkPattern(iotest.OneByteReader(bytes.NewReader(whole))); err != nil || n != int64(size) {
			t.Fatalf("checkPattern = %d, %v, want %d", n, err, size)
		}
		damaged := bytes.Clone(whole)
		damaged[cut]++
		if _, err := checkPattern(bytes.NewReader(damaged)); err == nil {
			t.Fatalf("a change at %d of %d was not seen", cut, size)
		}
		if cut < size-1 {
			if _, err := checkPattern(io.MultiReader(bytes.NewReader(whole[:cut]), bytes.NewReader(whole[cut+1:]))); err == nil {
				t.Fatalf("the loss of byte %d of %d was not seen", cut, size)
			}
		}
	})
}

func backend(t *testing.T) *StreamBackend {
	t.Helper()
	b, err := NewStreamBackend()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// The herds are tried against the backend itself, fast enough to end in one step: it is their accounts that are tested.
func TestHerdsComeToTheirEnd(t *testing.T) {
	slow := Slow{Address: backend(t).Address, Clients: 4, BytesPerSecond: 2_000_000, Bytes: 150_001}
	for name, start := range map[string]func(context.Context, Slow) *Herd{"readers": Readers, "writers": Writers} {
		herd := start(t.Context(), slow)
		failures := herd.Wait()
		if want := slow.Bytes * int64(slow.Clients); len(failures) != 0 || herd.Moved() != want || herd.Alive() != 0 {
			t.Errorf("%s: moved %d, want %d; %d alive; failures %v", name, herd.Moved(), want, herd.Alive(), failures)
		}
	}
}

func TestStoppedHerdHasNotFailed(t *testing.T) {
	slow := Slow{Address: backend(t).Address, Clients: 4, BytesPerSecond: 10, Bytes: 100_000_000}
	for name, start := range map[string]func(context.Context, Slow) *Herd{"readers": Readers, "writers": Writers} {
		herd := start(t.Context(), slow)
		if failures := herd.Stop(); len(failures) != 0 || herd.Alive() != 0 {
			t.Errorf("%s: %d alive; failures %v", name, herd.Alive(), failures)
		}
	}
}

func TestHerdTellsWhatFailed(t *testing.T) {
	refusing := server(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	slow := Slow{Address: refusing, Clients: 2, BytesPerSecond: 2_000_000, Bytes: 1000}
	for name, start := range map[string]func(context.Context, Slow) *Herd{"readers": Readers, "writers": Writers} {
		failures := start(t.Context(), slow).Wait()
		if len(failures) != slow.Clients || !strings.Contains(failures[0].Error(), "503") {
			t.Errorf("%s of a server that answers 503: %v", name, failures)
		}
	}
}

func server(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestIdle(t *testing.T) {
	address := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	idle, err := OpenIdle(t.Context(), address, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if err := idle.UseAgain(t.Context()); err != nil || idle.Len() != 100 {
		t.Errorf("use of %d connections again: %v", idle.Len(), err)
	}
}

func TestIdleNoticesAServerThatCloses(t *testing.T) {
	address := server(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	if _, err := OpenIdle(t.Context(), address, 3); err == nil || !strings.Contains(err.Error(), "announces") {
		t.Errorf("connections that the server ends: %v", err)
	}
}

// steady runs a load against a handler until it has answered so many requests.
func steady(t *testing.T, load Steady, enough int64, handler func(n int64, w http.ResponseWriter, req *http.Request)) Account {
	t.Helper()
	reached := make(chan struct{})
	var count atomic.Int64
	load.Address = server(t, func(w http.ResponseWriter, req *http.Request) {
		n := count.Add(1)
		if n == enough {
			close(reached)
		}
		handler(n, w, req)
	})
	load.Check = func(tag, body string) (string, error) {
		if want := "pool " + tag; body != want {
			return "", fmt.Errorf("body %q, want %q", body, want)
		}
		return body, nil
	}
	run := load.Start(t.Context())
	<-reached
	return run.Stop()
}

func answerRight(w http.ResponseWriter, req *http.Request) {
	_, _ = io.WriteString(w, "pool "+req.Header.Get("X-Gray-Tag"))
}

func TestSteadyCountsEveryRequest(t *testing.T) {
	got := steady(t, Steady{KeepAlive: 3, Short: 2, GrayPercent: 50}, 1000, func(_ int64, w http.ResponseWriter, req *http.Request) { answerRight(w, req) })
	if got.Requests < 995 || got.Failed+got.Dropped+got.Refused+got.Announced != 0 || got.AnsweredBy["pool gray"] == 0 ||
		got.AnsweredBy["pool "]+got.AnsweredBy["pool gray"] != got.Requests {
		t.Errorf("account %+v", got)
	}
}

func TestSteadyKeepsThePace(t *testing.T) {
	got := steady(t, Steady{KeepAlive: 1, PerSecond: 1000}, 3, func(_ int64, w http.ResponseWriter, req *http.Request) { answerRight(w, req) })
	if got.Failed != 0 || got.Requests < 2 || got.Requests > 100 {
		t.Errorf("account %+v after the third request at 1,000 a second", got)
	}
}

func TestSteadySeesWhatGoesWrong(t *testing.T) {
	f := func(name string, every func(w http.ResponseWriter), want func(Account) bool) {
		t.Helper()
		got := steady(t, Steady{KeepAlive: 2}, 100, func(n int64, w http.ResponseWriter, req *http.Request) {
			if n%10 == 0 {
				every(w)
			} else {
				answerRight(w, req)
			}
		})
		if !want(got) {
			t.Errorf("%s: account %+v", name, got)
		}
	}
	f("connection cut before the answer", func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		func(a Account) bool { return a.Failed >= 9 && a.Dropped == a.Failed && a.Announced == 0 })
	f("connection cut in the body", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "7")
		_, _ = io.WriteString(w, "poo")
		panic(http.ErrAbortHandler)
	}, func(a Account) bool { return a.Failed >= 9 && a.Dropped == a.Failed })
	f("end announced", func(w http.ResponseWriter) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "pool ")
	}, func(a Account) bool { return a.Failed == 0 && a.Dropped == 0 && a.Announced >= 9 })
	f("error answer", func(w http.ResponseWriter) { http.Error(w, "no", http.StatusBadGateway) },
		func(a Account) bool {
			return a.Failed >= 9 && a.Dropped == 0 && len(a.Examples) > 0 && strings.Contains(a.Examples[0], "answer 502")
		})
	f("wrong pool", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "pool gray") },
		func(a Account) bool { return a.Failed >= 9 && a.Dropped == 0 && len(a.Examples) <= examplesKept })
}

func TestAccountBoundsItsExamples(t *testing.T) {
	total, own := Account{AnsweredBy: map[string]int64{}}, Account{AnsweredBy: map[string]int64{"a": 2}, Refused: 1}
	for range 2 * examplesKept {
		own.fail("connect", net.ErrClosed)
	}
	total.merge(&own)
	total.merge(&own)
	if total.Failed != 4*examplesKept || total.Refused != 2 || total.AnsweredBy["a"] != 4 || len(total.Examples) != examplesKept {
		t.Errorf("account %+v, want %d failures and %d examples", total, 4*examplesKept, examplesKept)
	}
}
