package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"graygate/config"
)

type reloadCommand struct {
	configFlag
	Timeout time.Duration `default:"15s" help:"How long to wait for the outcome."`
}

func (c reloadCommand) Run() error {
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		fmt.Fprintln(os.Stderr, "graygate: not reloaded: the file has mistakes; the running gateway keeps its config")
		return exitStatus(1)
	}
	if plan.Admin.Address == "" {
		return reloadByPID(plan.PIDFile)
	}
	running := newAsker(adminSettings(plan))
	before, err := running.status()
	if err != nil {
		if plan.PIDFile != "" {
			return reloadByPID(plan.PIDFile)
		}
		return err
	}
	if err := syscall.Kill(before.PID, syscall.SIGHUP); err != nil {
		return fmt.Errorf("process %d cannot be signalled: %w", before.PID, err)
	}
	for end := time.Now().Add(c.Timeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		now, err := running.status()
		if err != nil || now.Reload.Count <= before.Reload.Count {
			continue
		}
		if !now.Reload.OK {
			fmt.Fprintln(os.Stderr, now.Reload.Error)
			fmt.Fprintln(os.Stderr, "graygate: not reloaded: the running gateway keeps its config")
			return exitStatus(1)
		}
		fmt.Printf("reloaded: process %d, generation %d\n", now.PID, now.Generation)
		return nil
	}
	return fmt.Errorf("process %d was signalled, but no outcome was seen within %s", before.PID, c.Timeout)
}

// reloadByPID signals and cannot tell the outcome.
func reloadByPID(path string) error {
	if path == "" {
		return errors.New("the config names neither an admin address nor a pid_file: send SIGHUP to the process yourself")
	}
	pid, err := readPID(path)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		return fmt.Errorf("process %d cannot be signalled: %w", pid, err)
	}
	fmt.Printf("process %d was signalled; its log tells the outcome (an admin address in the config would let this command tell)\n", pid)
	return nil
}
