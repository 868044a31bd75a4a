package audience

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"graygate/internal/watch"
)

// fileSource is a file with a member a line. It is loaded anew when it changed, be it written over, replaced by a rename,
// or behind a symbolic link that leads elsewhere now. To be read whole always, a file should be replaced by a rename.
type fileSource struct {
	path     string
	watcher  *watch.Watcher
	follower *watch.Follower // nil before the first load
	read     os.FileInfo     // of the file that was read last; nil if none was
	poll     time.Duration
}

const (
	// quietTime is how long a file must be left alone before it is read: who writes it is rarely done at once. It is not
	// waited for longer than maxQuiet.
	quietTime = 100 * time.Millisecond
	maxQuiet  = 30 * time.Second

	// pollTime is how often a file is looked at although nothing was heard of it. Network file systems tell nothing.
	pollTime = 30 * time.Second

	// linesPerCheck is how many lines are read between two looks at the context.
	linesPerCheck = 1 << 12
)

func (s *fileSource) String() string { return s.path }

func (s *fileSource) close() {
	if s.follower != nil {
		s.follower.Close()
	}
}

func (s *fileSource) load(ctx context.Context, b *Builder) error {
	if s.follower == nil {
		s.follower = s.watcher.Follow()
	}
	s.follower.Watch(s.path) // before the file is opened, so that no change is missed
	s.read = nil
	f, err := openRegular(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.read, err = f.Stat(); err != nil {
		return err
	}
	n := 0
	err = ReadLines(f, func(line []byte) error {
		if n++; n%linesPerCheck == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return b.Add(line)
	})
	var line *LineError
	if errors.As(err, &line) {
		return fmt.Errorf("%s:%d: %w", s.path, line.Line, line.Err)
	}
	return err
}

func (s *fileSource) wait(ctx context.Context, err error) bool {
	poll := time.NewTicker(s.poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.follower.Nudged():
			if !s.settle(ctx) {
				return false
			}
			if s.follower.Touched() || s.replaced() {
				return true
			}
		case <-poll.C:
			s.follower.Watch(s.path) // a folder may be back
			if s.replaced() || err != nil && !isContent(err) {
				return true
			}
		}
	}
}

// settle waits until nothing was heard for a while; false when ctx ends.
func (s *fileSource) settle(ctx context.Context) bool {
	end := time.NewTimer(maxQuiet)
	defer end.Stop()
	for {
		select {
		case <-s.follower.Nudged():
		case <-time.After(quietTime):
			return true
		case <-end.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// replaced tells whether the file is another one than that which was read last, or has changed since.
func (s *fileSource) replaced() bool {
	now, err := os.Stat(s.path)
	if err != nil || s.read == nil {
		return (err == nil) == (s.read == nil) // it is gone, or there again
	}
	return !os.SameFile(now, s.read) || now.Size() != s.read.Size() || !now.ModTime().Equal(s.read.ModTime())
}

// isContent tells whether an error is due to what is in the source, so that there is no use in trying again before that
// has changed.
func isContent(err error) bool {
	var length *LengthError
	var limit *LimitError
	return errors.As(err, &length) || errors.As(err, &limit) || errors.Is(err, errLongLine) || errors.Is(err, errTooLarge)
}
