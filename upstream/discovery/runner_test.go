package discovery

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"graygate/internal/watch"
	"graygate/upstream"
)

// told is one call of Update.
type told struct {
	pool  string
	found []string
}

func start(t *testing.T) (*Runner, chan told) {
	t.Helper()
	updates := make(chan told, 100)
	r := New(nil, lines, func(pool string, _ upstream.SourceConfig, found []upstream.EndpointConfig) {
		updates <- told{pool, addressesOf(found)}
	})
	t.Cleanup(r.Close)
	return r, updates
}

// lines reads a file that has an address in each line, with "- " before it; "[]" is none.
func lines(name string, text []byte, like upstream.EndpointConfig) (found []upstream.EndpointConfig, err error) {
	if string(text) == "[]\n" {
		return nil, nil
	}
	for line := range strings.Lines(string(text)) {
		address, is := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if _, _, err := net.SplitHostPort(address); !is || err != nil {
			return nil, fmt.Errorf("%s: %q is no endpoint", name, line)
		}
		like.Address = address
		found = append(found, like)
	}
	return found, nil
}

func expect(t *testing.T, updates chan told, pool string, want ...string) {
	t.Helper()
	select {
	case got := <-updates:
		if got.pool != pool || !reflect.DeepEqual(got.found, want) {
			t.Fatalf("update: got %s %v, want %s %v", got.pool, got.found, pool, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("no update; want %s %v", pool, want)
	}
}

func pool(name string, sources ...upstream.SourceConfig) upstream.PoolConfig {
	return upstream.PoolConfig{Name: name, Sources: sources}
}

func TestRunnerFollowsTheDNS(t *testing.T) {
	s := newDNSServer(t)
	s.set("app. A", "app. 0 IN A 10.0.0.1")
	source := upstream.SourceConfig{Name: "app:80", Server: s.address, MinTTL: leastTTL, MaxTTL: leastTTL}
	r, updates := start(t)
	r.Set([]upstream.PoolConfig{pool("p", source)})
	expect(t, updates, "p", "10.0.0.1:80")
	if err := r.Wait(context.Background()); err != nil {
		t.Errorf("wait: got %v, want none", err)
	}
	s.set("app. A", "app. 0 IN A 10.0.0.2", "app. 0 IN A 10.0.0.1")
	expect(t, updates, "p", "10.0.0.1:80", "10.0.0.2:80")

	// A server that fails changes nothing.
	s.setAny(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })
	asked := s.count("udp app. A")
	s.await("udp app. A", asked+3)
	s.set("app. A", "app. 0 IN A 10.0.0.3")
	s.set("app. AAAA")
	expect(t, updates, "p", "10.0.0.3:80")

	// A name that is gone is believed after some answers.
	s.setAny(nil)
	asked = s.count("udp app. A")
	expect(t, updates, "p")
	if n := s.count("udp app. A") - asked; n < negativeTimes {
		t.Errorf("emptied after %d negative answers, want at least %d", n, negativeTimes)
	}
	if got := r.Status(); len(got) != 1 || got[0].Source != "dns app:80" || got[0].Pool != "p" {
		t.Errorf("status: got %+v", got)
	}

	// Removed, it is not asked any more; back, it tells again.
	r.Set(nil)
	s.set("app. A", "app. 0 IN A 10.0.0.4")
	r.Set([]upstream.PoolConfig{pool("q", source)})
	expect(t, updates, "q", "10.0.0.4:80")
	source.Like.Weight = 2
	r.Set([]upstream.PoolConfig{pool("q", source)})
	expect(t, updates, "q", "10.0.0.4:80")
	r.Set([]upstream.PoolConfig{pool("q", source)}) // the same: goes on
	r.Close()
	if len(updates) != 0 {
		t.Errorf("the same source set again: got %v, want nothing told", <-updates)
	}
}

func TestRunnerFollowsAFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "endpoints.yaml")
	r, updates := start(t)
	source := upstream.SourceConfig{Kind: upstream.File, Name: path, Like: upstream.EndpointConfig{Weight: 1}}
	r.Set([]upstream.PoolConfig{pool("p", source)})
	if err := r.Wait(context.Background()); err != nil || len(updates) != 0 {
		t.Fatalf("without the file: got error %v, %d updates; want none", err, len(updates))
	}
	if got := r.Status()[0].Error; !strings.Contains(got, "no such file") {
		t.Errorf("status without the file: got %q", got)
	}
	write(t, path, "- 10.0.0.1:80\n")
	expect(t, updates, "p", "10.0.0.1:80")
	write(t, path, "- 10.0.0.1:80\n- nonsense\n") // tells nothing
	write(t, filepath.Join(folder, "next"), "- 10.0.0.2:80\n- 10.0.0.3:80\n")
	if err := os.Rename(filepath.Join(folder, "next"), path); err != nil {
		t.Fatal(err)
	}
	expect(t, updates, "p", "10.0.0.2:80", "10.0.0.3:80")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, "[]\n")
	expect(t, updates, "p")
}

// A server that never answers does not hold up the end.
func TestStopDoesNotWaitForAnswers(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r, updates := start(t)
	r.Set([]upstream.PoolConfig{pool("p", upstream.SourceConfig{Name: "app:80", Server: silent.LocalAddr().String()})})
	buffer := make([]byte, 512)
	if _, _, err := silent.ReadFrom(buffer); err != nil { // the question is out
		t.Fatal(err)
	}
	before := time.Now()
	r.Set(nil)
	r.Close()
	r.Set([]upstream.PoolConfig{pool("p", upstream.SourceConfig{Name: "app:80"})}) // too late
	if took := time.Since(before); took >= exchangeTimeout || len(updates) != 0 || len(r.Status()) != 0 {
		t.Errorf("the end took %v with %d updates, %d sources left; want less than %v, none, none", took, len(updates), len(r.Status()), exchangeTimeout)
	}
}

// A file that is still being written is not read in half.
func TestFileSettles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "endpoints.yaml")
	write(t, path, "- 10.0.0.1:80\n")
	files := watch.New(slog.New(slog.DiscardHandler))
	defer files.Close()
	s := newFileSource(upstream.SourceConfig{Kind: upstream.File, Name: path}, files, lines)
	defer s.close()
	looks := 0
	s.look = func(path string) (stamp, error) {
		if looks++; looks == 2 {
			write(t, path, "- 10.0.0.1:80\n- 10.0.0.2:80\n")
		}
		return look(path)
	}
	found, _, err := s.ask(context.Background())
	if got := addressesOf(found); err != nil || len(got) != 2 {
		t.Errorf("written between the first two looks: got %v, error %v; want both endpoints", got, err)
	}
	looks = 10
	if again, _, err := s.ask(context.Background()); err != nil || len(again) != 2 || looks != 11 {
		t.Errorf("asked again, unchanged: got %d endpoints after %d looks, error %v; want 2 after one", len(again), looks-10, err)
	}
}

func TestWaits(t *testing.T) {
	row := func(failures int, most, want time.Duration) {
		c := upstream.SourceConfig{MaxTTL: most}
		if got := wait(c, failures); got != want {
			t.Errorf("failure %d, TTL up to %v: got %v, want %v", failures, most, got, want)
		}
	}
	row(1, time.Minute, time.Second)
	row(3, time.Minute, 4*time.Second)
	row(1000, time.Minute, retryMost)
	row(1000, 5*time.Second, 5*time.Second)
}
