package sources

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"graygate/match"
	"graygate/sources/agent"
	"graygate/sources/audience"
)

// Config names everything that rules and experiments look things up in.
type Config struct {
	Audiences []AudienceConfig // each name once
	Geo       GeoConfig
	Agents    bool // a rule uses ua.*
}

// AudienceConfig says where an audience has its members from.
type AudienceConfig = audience.Config

// AudienceStatus is how an audience stands.
type AudienceStatus = audience.Status

// GeoConfig names MMDB files. Without any there is no geography.
type GeoConfig struct {
	Files    []string // the first that knows a field has the word
	Language string   // of names; "" is English
}

// Registry keeps what is in force from one config to the next. Its methods may be called concurrently.
type Registry struct {
	loader *audience.Loader

	mu      sync.Mutex
	pending *Change // prepared, and neither committed nor discarded
	current holdings
	closed  bool
}

// holdings are the look-ups of one config. Those that the next one has too are in both.
type holdings struct {
	audiences []*audience.Audience // in the order of the config
	geo       *places              // nil: none
	agents    *agent.Reader        // nil: not used
}

// Change is a config that was prepared: exactly one of Commit and Discard must be called, once.
type Change struct {
	registry *Registry
	next     holdings
}

// New makes a registry that has nothing. A nil logger is silent.
func New(log *slog.Logger) *Registry {
	return &Registry{loader: audience.NewLoader(log)}
}

var (
	errPending = errors.New("BUG: another change of the look-ups is neither committed nor discarded")
	errClosed  = errors.New("BUG: the look-ups are closed")
)

// Prepare opens what a config names and the registry does not have yet. Nothing is loaded, watched or given up before
// the change is committed: audiences that are new have no members until then and some time after. What is defined as
// before is the same object as before, with all that it has loaded. The errors, joined, say what cannot be opened and how
// to mend it; then there is no change.
//
// The look-ups stay usable when they are given up by a later config, so that requests under way come to their end.
func (r *Registry) Prepare(c Config) (match.Lookups, *Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return match.Lookups{}, nil, errClosed
	case r.pending != nil:
		return match.Lookups{}, nil, errPending
	}
	var next holdings
	lookups := match.Lookups{Audiences: map[string]match.Audience{}}
	var faults []error
	for _, defined := range c.Audiences {
		if lookups.Audiences[defined.Name] != nil {
			faults = append(faults, fmt.Errorf("audience %q is there twice; rename one", defined.Name))
			continue
		}
		a := r.current.audience(defined.Name)
		if a == nil || a.Config() != defined.Filled() {
			var err error
			if a, err = r.loader.Open(defined); err != nil {
				faults = append(faults, err)
				continue
			}
		}
		next.audiences = append(next.audiences, a)
		lookups.Audiences[defined.Name] = a
	}
	if len(c.Geo.Files) > 0 {
		var err error
		if next.geo, err = r.current.geo.renew(c.Geo); err != nil {
			faults = append(faults, err)
		} else {
			lookups.Geo = next.geo.reader
		}
	}
	if c.Agents {
		if next.agents = r.current.agents; next.agents == nil {
			next.agents = agent.New()
		}
		lookups.Agents = next.agents
	}
	change := &Change{registry: r, next: next}
	if len(faults) > 0 {
		drop(next, r.current)
		return match.Lookups{}, nil, errors.Join(faults...)
	}
	r.pending = change
	return lookups, change, nil
}

// Commit puts the change in force: new audiences begin to load, what the config does not name any more is closed.
func (c *Change) Commit() {
	r := c.registry
	r.mu.Lock()
	if r.pending != c {
		r.mu.Unlock()
		return // the registry was closed meanwhile
	}
	r.pending = nil
	before := r.current
	r.current = c.next
	for _, a := range c.next.audiences {
		if !slices.Contains(before.audiences, a) {
			a.Start(before.audience(a.Config().Name))
		}
	}
	r.mu.Unlock()
	drop(before, c.next)
}

// Discard forgets the change: all stays as it was.
func (c *Change) Discard() {
	r := c.registry
	r.mu.Lock()
	if r.pending != c {
		r.mu.Unlock()
		return
	}
	r.pending = nil
	current := r.current
	r.mu.Unlock()
	drop(c.next, current)
}

// drop closes those holdings that are not kept.
func drop(gone, kept holdings) {
	for _, a := range gone.audiences {
		if !slices.Contains(kept.audiences, a) {
			a.Close()
		}
	}
	if gone.geo != nil && gone.geo != kept.geo {
		gone.geo.close()
	}
}

// Status is how the audiences in force stand, in the order of the config.
func (r *Registry) Status() []AudienceStatus {
	var all []AudienceStatus
	for _, a := range r.audiences() {
		all = append(all, a.Status())
	}
	return all
}

// Loading names the audiences in force that have never been loaded, in the order of the config. Nobody is in them yet.
func (r *Registry) Loading() []string {
	var names []string
	for _, s := range r.Status() {
		if !s.Loaded {
			names = append(names, s.Name)
		}
	}
	return names
}

// Wait returns when all audiences in force at the time of the call are loaded, or with ctx's error when it ends before.
func (r *Registry) Wait(ctx context.Context) error {
	for _, a := range r.audiences() {
		if err := a.Wait(ctx, func(s AudienceStatus) bool { return s.Loaded }); err != nil {
			return err
		}
	}
	return nil
}

// Settle returns when every audience in force that is meant is loaded, or has failed to load once, or with ctx's error when
// it ends before. Status tells which of them it was.
func (r *Registry) Settle(ctx context.Context, meant func(AudienceConfig) bool) error {
	for _, a := range r.audiences() {
		if !meant(a.Config()) {
			continue
		}
		if err := a.Wait(ctx, func(s AudienceStatus) bool { return s.Loaded || s.LastError != "" }); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all loading and watching, and returns when it has ended. What was loaded stays usable. A pending change is
// discarded.
func (r *Registry) Close() {
	r.mu.Lock()
	pending, current, closed := r.pending, r.current, r.closed
	r.pending, r.current, r.closed = nil, holdings{}, true
	r.mu.Unlock()
	if closed {
		return
	}
	if pending != nil {
		drop(pending.next, current)
	}
	drop(current, holdings{})
	r.loader.Close()
}

func (r *Registry) audiences() []*audience.Audience {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.audiences
}

// audience finds an audience by its name, nil if there is none.
func (h holdings) audience(name string) *audience.Audience {
	for _, a := range h.audiences {
		if a.Config().Name == name {
			return a
		}
	}
	return nil
}
