// Package watch tells of changes of files, where the system tells of them.
package watch

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

// Watcher tells followers of changes in the folders of their files. One serves many files, because systems allow a user
// few. It watches folders, not files: a file that is replaced is another one from then on. Where nothing can be watched, as on network
// file systems, its followers hear nothing, and have to look for themselves now and then. Its methods may be called concurrently.
type Watcher struct {
	log *slog.Logger

	mu      sync.Mutex
	started bool
	events  *fsnotify.Watcher                 // nil: not started, or not to be had
	folders map[string]map[*Follower]struct{} // by canonical path
	done    chan struct{}                     // closed when dispatch has ended
}

// Follower is told of changes of one file. Its methods may be called concurrently.
type Follower struct {
	watcher *Watcher
	nudge   chan struct{} // holds one if something happened in a folder that matters
	touched atomic.Bool   // something happened to the file itself, or to a link on the way to it

	// Guarded by the watcher's lock.
	names   map[string]struct{} // canonical paths of the file, and of the links on the way to it
	folders map[string]struct{}
}

// maxLinks is how many symbolic links may lead to a file, as for the system itself.
const maxLinks = 40

// New gives a watcher that begins with its first file. It must be closed.
func New(log *slog.Logger) *Watcher {
	return &Watcher{log: log, folders: map[string]map[*Follower]struct{}{}}
}

// Follow gives a follower that follows nothing yet.
func (w *Watcher) Follow() *Follower {
	return &Follower{watcher: w, nudge: make(chan struct{}, 1)}
}

// Nudged holds one when something has happened in a folder that matters: to the file, to a link on the way to it, or to a neighbour of
// one of them.
func (f *Follower) Nudged() <-chan struct{} { return f.nudge }

// Touched tells whether something has happened to the file itself, or to a link on the way to it, since it was asked last.
func (f *Follower) Touched() bool { return f.touched.Swap(false) }

// Watch sets or renews what is followed: a file, through all links that lead to it now. Call it before the file is read, so that no
// change is missed, and now and then: links may lead elsewhere, and a folder that was gone may be back.
func (f *Follower) Watch(path string) {
	names := trace(path)
	w := f.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start()
	before := f.folders
	f.names, f.folders = map[string]struct{}{}, map[string]struct{}{}
	for _, name := range names {
		f.names[name] = struct{}{}
		folder := filepath.Dir(name)
		f.folders[folder] = struct{}{}
		if w.folders[folder] == nil {
			w.folders[folder] = map[*Follower]struct{}{}
		}
		w.folders[folder][f] = struct{}{}
		if w.events == nil {
			continue
		}
		// Adding what is there does nothing; what the system dropped, because the folder was gone meanwhile, is back then.
		if err := w.events.Add(folder); err != nil {
			w.log.Debug("a folder cannot be watched: its files are looked at now and then", "folder", folder, "error", err)
		}
	}
	w.leave(f, before)
}

// Close ends the following.
func (f *Follower) Close() {
	w := f.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	before := f.folders
	f.names, f.folders = nil, nil
	w.leave(f, before)
}

// leave gives up those folders that a follower does not follow any more. The lock is held.
func (w *Watcher) leave(f *Follower, folders map[string]struct{}) {
	for folder := range folders {
		if _, still := f.folders[folder]; still {
			continue
		}
		delete(w.folders[folder], f)
		if len(w.folders[folder]) == 0 {
			delete(w.folders, folder)
			if w.events != nil {
				_ = w.events.Remove(folder) // an error says that it is not there, which is well
			}
		}
	}
}

// start begins to watch, once. The lock is held.
func (w *Watcher) start() {
	if w.started {
		return
	}
	w.started = true
	events, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Warn("files cannot be watched: they are looked at now and then", "error", err)
		return
	}
	w.events, w.done = events, make(chan struct{})
	go w.dispatch(events)
}

// Close ends the watching. Followers hear nothing any more.
func (w *Watcher) Close() {
	w.mu.Lock()
	events := w.events
	w.started, w.events = true, nil
	w.mu.Unlock()
	if events != nil {
		_ = events.Close()
		<-w.done
	}
}

func (w *Watcher) dispatch(events *fsnotify.Watcher) {
	defer close(w.done)
	for {
		select {
		case event, ok := <-events.Events:
			if !ok {
				return
			}
			w.tell(event.Name)
		case err, ok := <-events.Errors:
			if !ok {
				return
			}
			w.log.Debug("changes of files may have been missed", "error", err)
			w.tellAll()
		}
	}
}

// tell nudges those who follow the folder of a name.
func (w *Watcher) tell(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.folders[filepath.Dir(name)] {
		if _, own := f.names[name]; own {
			f.touched.Store(true)
		}
		f.wake()
	}
}

func (w *Watcher) tellAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, followers := range w.folders {
		for f := range followers {
			f.wake()
		}
	}
}

func (f *Follower) wake() {
	select {
	case f.nudge <- struct{}{}:
	default: // there is one already
	}
}

// trace gives the canonical path of a file, as far as it is there, and those of all symbolic links on the way to it.
func trace(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var names []string
	for range maxLinks {
		link, rest := firstLink(path)
		if link == "" {
			break
		}
		names = append(names, link)
		to, err := os.Readlink(link)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(link), to)
		}
		path = filepath.Join(to, rest)
	}
	return append(names, path)
}

// firstLink finds the first part of a clean absolute path that is a symbolic link, "" if none is.
func firstLink(path string) (link, rest string) {
	for at := 1; at <= len(path); at++ {
		if at < len(path) && path[at] != filepath.Separator {
			continue
		}
		info, err := os.Lstat(path[:at])
		if err != nil {
			return "", ""
		}
		if info.Mode().Type() == fs.ModeSymlink {
			return path[:at], strings.TrimPrefix(path[at:], string(filepath.Separator))
		}
	}
	return "", ""
}
