package audience

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"
)

// BenchmarkAudienceSource loads e-mail addresses as an audience does, up to the set that is put in force: from a file, a member a
// line, and from a redis-server of its own on a socket, by SSCAN. It reports by how much the process grew at the most, and its processor
// time; what the server takes is not in that.
func BenchmarkAudienceSource(b *testing.B) {
	for _, n := range []int{1_000_000, benchMembers} {
		b.Run(fmt.Sprintf("file/members=%d", n), func(b *testing.B) {
			loadSource(b, n, Config{Name: "a", File: writeMembers(b, n)})
		})
		b.Run(fmt.Sprintf("redis/members=%d", n), func(b *testing.B) {
			server := newRedis(b)
			storeMembers(b, server, n)
			loadSource(b, n, Config{Name: "a", RedisURL: server.url(), RedisKey: "members"})
		})
	}
}

func loadSource(b *testing.B, n int, c Config) {
	took, used := time.Duration(0), time.Duration(0)
	for b.Loop() {
		loader := NewLoader(nil)
		a, err := loader.Open(c)
		if err != nil {
			b.Fatal(err)
		}
		peak := peakResident(b, func() {
			start, before := time.Now(), processTime()
			a.Start(nil)
			if err := a.Wait(context.Background(), func(s Status) bool { return s.Loaded || s.LastError != "" }); err != nil {
				b.Fatal(err)
			}
			took += time.Since(start)
			used += processTime() - before
		})
		s := a.Status()
		a.Close()
		loader.Close()
		if s.Members != n {
			b.Fatalf("%d members, want %d; %s", s.Members, n, s.LastError)
		}
		b.ReportMetric(float64(peak)/1e6, "peak-MB")
		b.ReportMetric(float64(s.Bytes)/1e6, "MB")
	}
	b.ReportMetric(took.Seconds()/float64(b.N), "s/load")
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/load")
}

// processTime is the processor time that this process has used.
func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writeMembers writes a file of members.
func writeMembers(b *testing.B, n int) string {
	path := filepath.Join(b.TempDir(), "members.txt")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var buf [64]byte
	for i := range uint64(n) {
		_, _ = w.Write(append(kinds[2].append(buf[:0], i), '\n')) // Flush gives the error
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// storeMembers fills a set of the server.
func storeMembers(b *testing.B, server *redisServer, n int) {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: server.socket, DisableIdentity: true})
	defer client.Close()
	const together = 5000
	members := make([]any, 0, together)
	for i := range uint64(n) {
		members = append(members, kinds[2].append(nil, i))
		if len(members) == together || i == uint64(n)-1 {
			if err := client.SAdd(context.Background(), "members", members...).Err(); err != nil {
				b.Fatal(err)
			}
			members = members[:0]
		}
	}
}
