package discovery

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"graygate/internal/watch"
	"graygate/upstream"
)

// fileSource finds endpoints in a file, and anew when it changes.
type fileSource struct {
	config upstream.SourceConfig
	path   string // absolute
	follow *watch.Follower
	parse  Parse
	read   stamp                     // of what was read last
	last   []upstream.EndpointConfig // what it said
	fault  error                     // or what was wrong with it
	look   func(path string) (stamp, error)
}

// stamp tells one content of a file from another, as far as the system does.
type stamp struct {
	size     int64
	modified time.Time
	file     os.FileInfo // for os.SameFile
}

func (a stamp) same(b stamp) bool {
	return a.file != nil && b.file != nil && a.size == b.size && a.modified.Equal(b.modified) && os.SameFile(a.file, b.file)
}

func newFileSource(c upstream.SourceConfig, files *watch.Watcher, parse Parse) *fileSource {
	path, err := filepath.Abs(c.Name)
	if err != nil {
		path = c.Name
	}
	return &fileSource{config: c, path: path, follow: files.Follow(), parse: parse, look: look}
}

func (s *fileSource) nudges() <-chan struct{} { return s.follow.Nudged() }
func (s *fileSource) close()                  { s.follow.Close() }

func (s *fileSource) ask(ctx context.Context) ([]upstream.EndpointConfig, time.Duration, error) {
	s.follow.Watch(s.path)
	now, err := s.look(s.path)
	if err != nil {
		s.read = stamp{}
		return nil, pollTime, err
	}
	if now.same(s.read) {
		return s.last, pollTime, s.fault
	}
	// It is whole when it has not changed for a while. One that is old is.
	for time.Since(now.modified) < settleTime {
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(settleTime):
		}
		later, err := s.look(s.path)
		if err != nil {
			return nil, pollTime, err
		}
		if later.same(now) {
			break
		}
		now = later
	}
	s.last, s.fault = s.readFile()
	s.read = now
	if after, err := s.look(s.path); err != nil || !after.same(now) {
		s.read = stamp{} // it was changed meanwhile: next time again
	}
	return s.last, pollTime, s.fault
}

func look(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime(), info}, nil
}

// readFile reads the file. The error says what is wrong, and where; then there are no endpoints.
func (s *fileSource) readFile() ([]upstream.EndpointConfig, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, which no list of endpoints needs", s.path, maxFileBytes)
	}
	return s.parse(s.path, text, s.config.Like)
}
