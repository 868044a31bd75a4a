package discovery

import (
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// watcher nudges those who follow a file when something happens in its folder. One serves all files, because systems
// allow a user few. It watches folders, not files: a file that is replaced is another one from then on. Where nothing can be
// watched nobody is nudged, and files are polled.
type watcher struct {
	log *slog.Logger

	mu      sync.Mutex
	started bool
	events  *fsnotify.Watcher // nil: not started, or not to be had
	folders map[string]map[chan struct{}]struct{}
	done    chan struct{}
}

func newWatcher(log *slog.Logger) *watcher {
	return &watcher{log: log, folders: map[string]map[chan struct{}]struct{}{}}
}

// follow gives a channel that holds one nudge when something has happened near a file.
func (w *watcher) follow(path string) chan struct{} {
	nudge := make(chan struct{}, 1)
	folder := filepath.Dir(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		w.started = true
		if events, err := fsnotify.NewWatcher(); err != nil {
			w.log.Warn("files cannot be watched: they are looked at now and then", "every", pollTime.String(), "error", err)
		} else {
			w.events, w.done = events, make(chan struct{})
			go w.dispatch(events)
		}
	}
	if w.folders[folder] == nil {
		w.folders[folder] = map[chan struct{}]struct{}{}
	}
	w.folders[folder][nudge] = struct{}{}
	if w.events != nil {
		if err := w.events.Add(folder); err != nil {
			w.log.Debug("a folder cannot be watched: its files are looked at now and then", "folder", folder, "error", err)
		}
	}
	return nudge
}

func (w *watcher) leave(path string, nudge chan struct{}) {
	folder := filepath.Dir(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.folders[folder], nudge)
	if len(w.folders[folder]) == 0 {
		delete(w.folders, folder)
		if w.events != nil {
			_ = w.events.Remove(folder) // an error says that it is not there, which is well
		}
	}
}

func (w *watcher) close() {
	w.mu.Lock()
	events := w.events
	w.started, w.events = true, nil
	w.mu.Unlock()
	if events != nil {
		_ = events.Close()
		<-w.done
	}
}

func (w *watcher) dispatch(events *fsnotify.Watcher) {
	defer close(w.done)
	for {
		select {
		case event, ok := <-events.Events:
			if !ok {
				return
			}
			w.nudge(filepath.Dir(event.Name))
		case err, ok := <-events.Errors:
			if !ok {
				return
			}
			w.log.Debug("changes of files may have been missed", "error", err)
		}
	}
}

func (w *watcher) nudge(folder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for nudge := range w.folders[folder] {
		select {
		case nudge <- struct{}{}:
		default: // there is one already
		}
	}
}
