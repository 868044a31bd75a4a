package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"graygate/admin"
	"graygate/admin/ui"
	"graygate/config"
	"graygate/gateway"
)

type serveCommand struct {
	configFlag
	LogLevel slog.Level `default:"info" help:"debug, info, warn or error."`
}

func (c serveCommand) Run() error {
	return serve(c.Config, c.LogLevel, nil)
}

// server is the process: a gateway, its admin server, and the signals that move them.
type server struct {
	log       *slog.Logger
	path      string
	plan      *config.Plan
	gateway   *gateway.Gateway
	admin     *admin.Server
	notify    notifier
	inherited inheritance
	asked     chan chan error // reloads that the admin server asks for
}

// serve runs the gateway until it is told to end. started is called once it accepts; it may be nil.
func serve(path string, level slog.Level, started func(*config.Plan)) error {
	plan, err := config.Read(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(1)
	}
	s := &server{
		log:   slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		path:  path,
		plan:  plan,
		asked: make(chan chan error),
	}
	// Signals are caught before anything is open: one that comes early must not kill half a start.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	if s.inherited, err = inherit(); err != nil {
		return err
	}
	s.admin = admin.New(s.log, versionText(), path)
	s.admin.SetReload(s.askReload)
	if err := s.admin.SetUI(ui.Files()); err != nil {
		return fmt.Errorf("BUG: console: %w", err)
	}
	if err := s.admin.Listen(adminSettings(plan), s.inherited.takeAdmin(plan.Admin.Address)); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	defer s.admin.Close()
	if s.gateway, err = gateway.New(plan, gateway.Options{Log: s.log, Version: versionText(), Inherited: s.inherited.rest()}); err != nil {
		return err
	}
	s.admin.SetMetrics(s.gateway.Metrics)
	s.admin.SetTraffic(newTraffic(s.gateway))
	s.admin.Serves(s.gateway)
	if err := writePID(plan.PIDFile); err != nil {
		s.gateway.Stop()
		return err
	}
	defer removePID(plan.PIDFile)
	s.inherited.ready()
	s.notify = newNotifier(s.log)
	s.notify.ready()
	stopWatch := s.notify.watch(s.gateway)
	defer stopWatch()
	s.warn(plan)
	s.log.Info("serving", "version", versionText(), "config", path, "pid", os.Getpid(), "listeners", addresses(plan), "admin", plan.Admin.Address)
	if started != nil {
		started(plan)
	}
	return s.run(signals)
}

// run acts on signals until one ends the process.
func (s *server) run(signals chan os.Signal) error {
	for {
		var sig os.Signal
		select {
		case outcome := <-s.asked:
			outcome <- s.reload()
			continue
		case sig = <-signals:
		}
		switch sig {
		case syscall.SIGHUP:
			_ = s.reload() // it has been logged
		case syscall.SIGUSR1:
			s.reopen()
		case syscall.SIGUSR2:
			if err := s.upgrade(); err != nil {
				s.log.Error("upgrade failed: this process serves on", "error", err)
				continue
			}
			s.admin.HandOver()
			return s.drain(signals)
		default:
			return s.drain(signals)
		}
	}
}

// reopen has the access log written to a new file, after its own was renamed.
func (s *server) reopen() {
	if err := s.gateway.ReopenAccessLog(); err != nil {
		s.log.Error("the access log stays in the file that it is in", "error", err)
		return
	}
	s.log.Info("the access log was reopened", "to", s.gateway.Snapshot().Plan.AccessLog.To)
}

// askReload has the goroutine that acts on signals reload, so that both ways are one, and gives the outcome.
func (s *server) askReload(ctx context.Context) error {
	outcome := make(chan error, 1) // nobody may be there any more to take it
	select {
	case s.asked <- outcome:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// adminSettings are what of a plan is the admin server's.
func adminSettings(plan *config.Plan) admin.Settings {
	return admin.Settings{Address: plan.Admin.Address, TokenFile: plan.Admin.TokenFile, Mode: plan.Admin.Mode}
}

// reload puts the config file as it is now into force, or says why not and keeps the old one.
func (s *server) reload() error {
	s.notify.reloading()
	defer s.notify.ready()
	var plan *config.Plan
	var err error
	config.Aside(func() { plan, err = config.Read(s.path) })
	if err == nil {
		err = s.apply(plan)
	}
	s.admin.Reloaded(err)
	s.gateway.NoteReload(err)
	if err != nil {
		s.log.Error("reload failed: the old config stays in force", "config", s.path, "error", err)
		return err
	}
	for _, what := range restartNeeded(s.plan, plan) {
		s.log.Warn("a change that takes effect at the next start only", "key", what)
	}
	s.plan = plan
	s.warn(plan)
	s.log.Info("reloaded", "config", s.path, "generation", s.gateway.Snapshot().Generation)
	return nil
}

// warn tells what somebody may have meant, but should know of. Each time anew: a log is seldom read from its beginning.
func (s *server) warn(plan *config.Plan) {
	for _, what := range plan.Warnings() {
		s.log.Warn("the config is taken, but look at this", "what", what)
	}
}

func (s *server) apply(plan *config.Plan) error {
	before := adminSettings(s.plan)
	if err := s.admin.Listen(adminSettings(plan), nil); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	if err := s.gateway.Reload(plan); err != nil {
		if back := s.admin.Listen(before, nil); back != nil {
			s.log.Error("the admin address could not be had back", "address", before.Address, "error", back)
		}
		return err
	}
	return nil
}

// restartNeeded names the keys whose change a reload cannot carry out.
func restartNeeded(old, new *config.Plan) []string {
	var keys []string
	if old.Loops != new.Loops {
		keys = append(keys, "loops")
	}
	if old.PIDFile != new.PIDFile {
		keys = append(keys, "pid_file")
	}
	return keys
}

// drain ends the process: in order, within drain_timeout, or at once if a second signal asks for it.
func (s *server) drain(signals chan os.Signal) error {
	timeout := s.plan.DrainTimeout
	s.notify.stopping()
	s.admin.Draining()
	s.log.Info("draining", "timeout", timeout.String(), "connections", s.gateway.Connections())
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	go func() {
		for sig := range signals {
			switch sig {
			case syscall.SIGUSR1:
				s.reopen()
			case syscall.SIGTERM, syscall.SIGINT:
				s.log.Info("stopping at once")
				cancel()
				return
			}
		}
	}()
	began := time.Now()
	s.gateway.Drain(ctx)
	s.log.Info("stopped", "after", time.Since(began).Round(time.Millisecond).String(), "cut_short", ctx.Err() != nil)
	return nil
}

func addresses(plan *config.Plan) []string {
	var list []string
	for _, l := range plan.Listeners {
		list = append(list, l.Address)
	}
	return list
}

// writePID puts a whole file in its place at once: who waits for it never reads a part.
func writePID(path string) error {
	if path == "" {
		return nil
	}
	next := path + ".new"
	err := os.WriteFile(next, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("pid_file: %w", err)
	}
	return nil
}

// removePID removes the file if it still names this process: after an upgrade it names the next one.
func removePID(path string) {
	if path == "" {
		return
	}
	if pid, err := readPID(path); err == nil && pid == os.Getpid() {
		_ = os.Remove(path)
	}
}

var errNoPID = errors.New("holds no process id")

func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil || pid <= 0 {
		return 0, fmt.Errorf("%s %w", path, errNoPID)
	}
	return pid, nil
}
