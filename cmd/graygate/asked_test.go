package main

import (
	"context"
	"errors"
	"testing"
)

// The admin server's wish to reload is carried out by the goroutine that acts on signals; if that has other things to do until the
// end of the context, the wish is gone.
func TestAskReload(t *testing.T) {
	s := &server{asked: make(chan chan error)}
	fault := errors.New("a mistake")
	go func() {
		for _, outcome := range []error{nil, fault} {
			reply := <-s.asked
			reply <- outcome
		}
	}()
	for _, want := range []error{nil, fault} {
		if got := s.askReload(t.Context()); !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	over, end := context.WithCancel(t.Context())
	end()
	if got := s.askReload(over); !errors.Is(got, context.Canceled) {
		t.Errorf("nobody acts on it: got %v, want %v", got, context.Canceled)
	}
	late, stop := context.WithCancel(t.Context())
	taken := make(chan chan error)
	go func() {
		reply := <-s.asked
		stop()
		taken <- reply
	}()
	if got := s.askReload(late); !errors.Is(got, context.Canceled) {
		t.Errorf("it takes too long: got %v, want %v", got, context.Canceled)
	}
	(<-taken) <- nil // does not block: the outcome is nobody's any more
}
