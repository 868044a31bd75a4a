package audience

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// often is a refresh that makes tests short.
const often = 5 * time.Millisecond

func TestRedisMembersComeAndGo(t *testing.T) {
	l, _ := newLoader(t)
	server := newRedis(t)
	const n = 30_000 // many pages
	members := make([]string, n)
	for i := range members {
		members[i] = "user" + strconv.Itoa(i)
	}
	server.add("vips", members...)
	server.add("vips", "", "\x00\xff\r\n")
	a := start(t, l, Config{Name: "vips", RedisURL: server.url(), RedisKey: "vips", Refresh: often})
	wait(t, a, "the first load", loadedWith(n+1))
	for _, m := range members {
		expect(t, a, m, "!"+m+"x")
	}
	expect(t, a, "!", "\x00\xff\r\n")

	// Look-ups never see those gone who stay.
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				for _, m := range members[:100] {
					if !a.Contains([]byte(m)) {
						t.Errorf("%q is lost", m)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 5 {
		gone := []any{"SREM", "vips"}
		for _, m := range members[n-1000*(i+1) : n-1000*i] {
			gone = append(gone, m)
		}
		server.do(server.url(), gone)
		server.add("vips", fmt.Sprintf("new%d", i))
		wait(t, a, "a change", loadedWith(n+1-1000*(i+1)+i+1))
		expect(t, a, fmt.Sprintf("new%d", i), "!"+members[n-1000*i-1])
	}
	close(stop)
	group.Wait()
}

func TestRedisServerGoneAndBack(t *testing.T) {
	l, log := newLoader(t)
	server := newRedis(t)
	server.add("vips", "alice", "bob")
	a := start(t, l, Config{Name: "vips", RedisURL: server.url() + "?db=0", RedisKey: "vips", Refresh: often})
	since := wait(t, a, "the first load", loadedWith(2)).Since
	server.kill()
	got := wait(t, a, "the server's end", failing)
	want := "unix://" + server.socket + " vips: dial unix " + server.socket + ": connect: connection refused; see that the server is up and can be reached from here"
	wait(t, a, "an attempt without a server", func(s Status) bool { return s.LastError == want })
	if !got.Loaded || got.Members != 2 || got.Since.Before(since) {
		t.Errorf("status %+v", got)
	}
	expect(t, a, "alice", "bob")
	server.start()
	server.add("vips", "carol")
	wait(t, a, "the server's return", loadedWith(1))
	expect(t, a, "!alice", "carol")
	server.do(server.url(), []any{"DEL", "vips"})
	wait(t, a, "an empty set", loadedWith(0))
	expect(t, a, "!carol")
	if said := `msg="audience is empty now" audience=vips from="unix://` + server.socket + ` vips" members_before=1`; !strings.Contains(log.String(), said) {
		t.Errorf("the log does not say %s:\n%s", said, log)
	}
}

// What a server refuses at the first load leaves the audience without members, until it is mended.
func TestRedisRefusals(t *testing.T) {
	l, log := newLoader(t)
	server := newRedis(t, "--requirepass", "open-sesame")
	as := func(user string) string { return "unix://" + user + "@" + server.socket }
	where := "unix://" + server.socket + " vips: "
	row := func(user, want string, before, mend []any) {
		t.Helper()
		admin := as(":open-sesame")
		server.do(admin, []any{"DEL", "vips"}, before)
		a := start(t, l, Config{Name: "vips", RedisURL: as(user), RedisKey: "vips", Refresh: often, MaxMembers: 2})
		defer a.Close()
		if got, want := wait(t, a, "a refusal", failing), (Status{Name: "vips", LastError: want}); got != want {
			t.Errorf("status\n got %+v\nwant %+v", got, want)
		}
		expect(t, a, "!alice")
		server.do(admin, []any{"DEL", "vips"}, []any{"SADD", "vips", "alice"}, mend)
		wait(t, a, "a load when it is mended", loadedWith(1))
		expect(t, a, "alice")
	}
	ping := []any{"PING"}
	row(":open-sesame", where+"the key is no set; name one that is, or mend what writes it", []any{"SET", "vips", "alice"}, ping)
	row(":open-sesame", where+"a member of 257 bytes, and units have at most 256; take it out", []any{"SADD", "vips", strings.Repeat("x", 257)}, ping)
	row(":open-sesame", "more than 2 members; raise max_members, and mind the memory, or make the audience smaller", []any{"SADD", "vips", "1", "2", "3"}, ping)
	row("eve:guessed", where+"WRONGPASS invalid username-password pair or user is disabled.; mend the user and the password in the URL", ping,
		[]any{"ACL", "SETUSER", "eve", "on", ">guessed", "~*", "+@all"})
	row("bob:guessed", where+"NOPERM this user has no permissions to run the 'sscan' command; let the user run SSCAN on that key",
		[]any{"ACL", "SETUSER", "bob", "on", ">guessed", "~*", "+ping"}, []any{"ACL", "SETUSER", "bob", "+sscan"})
	for _, secret := range []string{"open-sesame", "guessed"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a password:\n%s", log)
		}
	}
}

func TestRedisByTLS(t *testing.T) {
	l, _ := newLoader(t)
	cert, key, trust := certificate(t)
	port := freePort(t)
	server := newRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	const n = 5000 // several pages
	members := make([]string, n)
	for i := range members {
		members[i] = "user" + strconv.Itoa(i)
	}
	server.add("vips", members...)
	c := Config{Name: "vips", RedisURL: "rediss://127.0.0.1:" + port, RedisKey: "vips", Refresh: often}
	a := start(t, l, c)
	want := "rediss://127.0.0.1:" + port + " vips: tls: failed to verify certificate: x509: certificate signed by unknown authority; see that the server is up and can be reached from here"
	if got := wait(t, a, "a refusal", failing); got.LastError != want || got.Loaded {
		t.Errorf("a certificate that nobody vouches for\n got %+v\nwant %s", got, want)
	}
	trusting, err := l.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	trusting.source.(*redisSource).options.TLSConfig.RootCAs = trust
	trusting.Start(nil)
	defer trusting.Close()
	wait(t, trusting, "a load", loadedWith(n))
	expect(t, trusting, "user0", "user4999", "!user5000")
}

// Close does not wait for a server that does not answer, be it from the beginning or after a page.
func TestCloseWhileRedisHangs(t *testing.T) {
	l, _ := newLoader(t)
	row := func(pages int) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		a := start(t, l, Config{Name: "vips", RedisURL: "redis://" + ln.Addr().String(), RedisKey: "vips"})
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for asked := 0; asked <= pages; {
			line, err := in.ReadString('\n') // the load is under way
			if err != nil {
				t.Fatal(err)
			}
			switch word := strings.ToUpper(line); {
			case pages == 0:
				asked++
			case strings.HasPrefix(word, "HELLO"):
				_, _ = io.WriteString(c, "-ERR unknown command\r\n")
			case strings.HasPrefix(word, "SSCAN"):
				if asked++; asked <= pages {
					_, _ = io.WriteString(c, "*2\r\n$1\r\n5\r\n*1\r\n$5\r\nalice\r\n")
				}
			}
		}
		closed := make(chan struct{})
		go func() {
			a.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-time.After(replyTimeout / 2):
			t.Fatalf("after %d pages Close waits for the server", pages)
		}
		if got, want := a.Status(), (Status{Name: "vips"}); got != want {
			t.Errorf("after %d pages: status %+v, want %+v", pages, got, want)
		}
	}
	row(0)
	row(1)
	row(3)
}

func TestPause(t *testing.T) {
	row := func(failures int, refresh time.Duration, random float64, want time.Duration) {
		t.Helper()
		if got := pause(failures, refresh, minRetry, random); got != want {
			t.Errorf("%d failures, refresh %v, random %v: got %v want %v", failures, refresh, random, got, want)
		}
	}
	row(0, time.Minute, 0, 54*time.Second)
	row(0, time.Minute, 0.5, time.Minute)
	row(0, time.Hour, 0.5, time.Hour)
	row(1, time.Minute, 0.5, time.Second)
	row(3, time.Minute, 0.5, 4*time.Second)
	row(7, time.Minute, 0.5, time.Minute)
	row(1_000_000, time.Hour, 0.5, time.Minute)
	row(5, 10*time.Second, 0.5, 10*time.Second)
	row(5, time.Millisecond, 0, 900*time.Millisecond)
}
