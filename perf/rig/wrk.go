package rig

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"graygate/perf/measure"
)

// Load is what wrk is to do.
type Load struct {
	Connections int
	Seconds     int
	Path        string
	GrayPercent int  // of 100 requests, so many carry the tag
	Close       bool // a new connection for every request
	CPUs        []int
}

// answerWithin is how long wrk waits for an answer before it counts a timeout.
const answerWithin = 10 * time.Second

// Wrk runs wrk against an address and returns its figures.
func (r *Rig) Wrk(ctx context.Context, address string, load Load) (measure.Wrk, error) {
	path, err := Find("wrk")
	if err != nil {
		return measure.Wrk{}, err
	}
	text, err := render("mix.lua.tmpl", load)
	if err != nil {
		return measure.Wrk{}, err
	}
	script, err := r.WriteFile("mix.lua", text)
	if err != nil {
		return measure.Wrk{}, err
	}
	cpus := load.CPUs
	if len(cpus) == 0 {
		cpus = r.CPUs.Load
	}
	// More threads than a few do not make one proxy's loop any busier.
	threads := min(len(cpus), load.Connections, 4)
	seconds := time.Duration(load.Seconds) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, seconds+2*answerWithin, fmt.Errorf("wrk did not end within %s of its time", 2*answerWithin))
	defer cancel()
	out, err := r.Run(ctx, Spec{Name: "wrk", Path: path, CPUs: cpus, Args: []string{
		"--latency", "-t", strconv.Itoa(threads), "-c", strconv.Itoa(load.Connections), "-d", strconv.Itoa(load.Seconds) + "s",
		"--timeout", strconv.Itoa(int(answerWithin.Seconds())) + "s", "-s", script, "http://" + address + load.Path,
	}})
	if err != nil {
		return measure.Wrk{}, err
	}
	return measure.ParseWrk(out)
}
