package audience

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisSource is a set in Redis, read by SSCAN. Members that are there from the beginning of a scan to its end are sure to
// be found; those that come or go meanwhile are found, or not, until the next load.
//
// A load has one connection from its first command to its last: a cursor means nothing to a server that took another's
// place, and nothing to the same one after a restart. If the connection breaks, so does the load. Between loads there
// is none.
type redisSource struct {
	options redis.Options
	key     string
	refresh time.Duration
	where   string // the URL without its secrets

	failures int // in a row
	retry    time.Duration
}

const (
	// scanCount is about how many members one SSCAN gives: the server answers nobody else meanwhile, which is a millisecond or two.
	// After each page the server waits until it is asked for the next one, the longer the busier the cores are; and to wait for a page
	// wakes threads beside the event loops. Larger pages would gain little more.
	scanCount = 2000

	dialTimeout  = 5 * time.Second
	replyTimeout = 10 * time.Second // of one command

	// scanTimeout bounds a load. Fifty million members take a minute or two.
	scanTimeout = 15 * time.Minute

	// The first attempt after one that failed is made after minRetry, each one more after twice the time, up to refresh
	// or maxRetry, whichever is shorter.
	minRetry = time.Second
	maxRetry = time.Minute

	// jitter is the part of a wait by which it is made longer or shorter at random, so that gateways that were started
	// together do not ask together.
	jitter = 0.1
)

// quiet keeps the library from writing to standard error: what fails is in the status and in our log.
var quiet = sync.OnceFunc(logging.Disable)

func newRedisSource(c Config) (*redisSource, error) {
	// What url.Parse and redis.ParseURL say may quote the URL, password and all. So it is not repeated.
	u, err := url.Parse(c.RedisURL)
	if err != nil {
		return nil, errors.New("its Redis URL cannot be read; write redis://HOST:PORT/DB or redis://USER:PASSWORD@HOST:PORT/DB, with %40 for @, %3A for :, %2F for / in the password")
	}
	where := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	parsed, err := redis.ParseURL(c.RedisURL)
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix":
		return nil, fmt.Errorf("%s is no Redis URL; begin it with redis://, or with rediss:// for TLS", where.String())
	case err != nil:
		return nil, fmt.Errorf("%s is no Redis URL; write it as redis://HOST:PORT/DB, DB being a number", where.String())
	case len(u.Query()) > 1 || len(u.Query()) == 1 && (u.Scheme != "unix" || !u.Query().Has("db")):
		return nil, fmt.Errorf("%s has options after it, and none are known; take out what begins with ?", where.String())
	case c.RedisKey == "":
		return nil, fmt.Errorf("no key is set for %s; name the set that the members are in", where.String())
	}
	return &redisSource{
		options: redis.Options{
			Network: parsed.Network, Addr: parsed.Addr, DB: parsed.DB, TLSConfig: parsed.TLSConfig,
			Username: parsed.Username, Password: parsed.Password,
			DialTimeout: dialTimeout, ReadTimeout: replyTimeout, WriteTimeout: replyTimeout,
			MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		},
		key:     c.RedisKey,
		refresh: c.Refresh,
		where:   where.String(),
		retry:   minRetry,
	}, nil
}

func (s *redisSource) String() string { return s.where + " " + s.key }

func (s *redisSource) close() {}

func (s *redisSource) load(ctx context.Context, b *Builder) error {
	quiet()
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	var refused error // of the builder
	err := scanMembers(ctx, s.options, s.key, func(member []byte) error {
		refused = b.Add(member)
		return refused
	})
	switch {
	case refused != nil:
		return fmt.Errorf("%s: %w", s, refused)
	case isContent(err):
		return fmt.Errorf("%s: %w", s, err)
	case err != nil:
		return s.explain(err)
	}
	return nil
}

// explain says what to do about an error of the server or of the connection.
func (s *redisSource) explain(err error) error {
	fix := "see that the server is up and can be reached from here"
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return fmt.Errorf("%s: the key is no set; name one that is, or mend what writes it", s)
	case redis.IsAuthError(err):
		fix = "mend the user and the password in the URL"
	case redis.IsPermissionError(err), redis.HasErrorPrefix(err, "NOPERM"):
		fix = "let the user run SSCAN on that key"
	case redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"):
		fix = "name the node of the cluster that has the key"
	case errors.Is(err, errReply):
		fix = "see that what listens there is a Redis server"
	case redis.IsLoadingError(err), redis.HasErrorPrefix(err, "LOADING"):
		fix = "wait until the server has read its data"
	case errors.Is(err, context.DeadlineExceeded):
		fix = "see what keeps the server busy, or make the set smaller"
	}
	return fmt.Errorf("%s: %w; %s", s, err, fix)
}

func (s *redisSource) wait(ctx context.Context, err error) bool {
	s.failures++
	if err == nil {
		s.failures = 0
	}
	timer := time.NewTimer(pause(s.failures, s.refresh, s.retry, rand.Float64()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause is how long to wait after so many failures in a row, retry being the shortest wait after one. random is in [0, 1).
func pause(failures int, refresh, retry time.Duration, random float64) time.Duration {
	d := refresh
	if failures > 0 {
		d = min(retry<<min(failures-1, 10), maxRetry, max(refresh, retry))
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*random))
}
