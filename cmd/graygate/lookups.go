package main

import (
	"context"
	"time"

	"graygate/config"
	"graygate/match"
	"graygate/sources"
)

// lookUp opens and loads what a plan's requests are looked up in, for a process that answers once. Audiences that are out of
// reach, or in Redis and not here within wait, are told in the notes; nobody is in them. done is to be called at the end.
func lookUp(plan *config.Plan, wait time.Duration) (looked match.Lookups, notes []string, done func(), err error) {
	registry := sources.New(nil)
	looked, change, err := registry.Prepare(plan.Sources())
	if err != nil {
		registry.Close()
		return match.Lookups{}, nil, nil, err
	}
	change.Commit()
	isFile := func(c sources.AudienceConfig) bool { return c.File != "" }
	isRedis := func(c sources.AudienceConfig) bool { return !isFile(c) }
	_ = registry.Settle(context.Background(), isFile) // it ends: a file is read or it is not
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	late := registry.Settle(ctx, isRedis)
	for _, s := range registry.Status() {
		if s.Loaded {
			continue
		}
		why := s.LastError
		if why == "" && late != nil {
			why = "it took longer than " + wait.String()
		}
		notes = append(notes, "audience "+s.Name+" could not be loaded, so nobody is in it here: "+why)
	}
	return looked, notes, registry.Close, nil
}
