package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"graygate/perf/rig"
)

// machine is where and with what a result was measured: figures of two machines do not compare.
type machine struct {
	Cores      int               `json:"cores"`
	ProxyCPUs  []int             `json:"proxy_cpus"` // where a pinned proxy runs
	LoadCPUs   []int             `json:"load_cpus"`  // where the backend and wrk run
	CPU        string            `json:"cpu"`
	Kernel     string            `json:"kernel"`
	MemoryKiB  int64             `json:"memory_kib"`
	OpenFiles  uint64            `json:"open_files_limit"`
	LoadBefore [3]float64        `json:"load_average_before"` // over 1, 5 and 15 minutes
	Versions   map[string]string `json:"versions"`
}

func readMachine(cpus rig.CPUs, graygate string, tools []string) machine {
	m := machine{
		Cores: len(cpus.All), ProxyCPUs: cpus.Proxy, LoadCPUs: cpus.Load,
		CPU:      valueIn("/proc/cpuinfo", "model name"),
		Kernel:   firstLine("/proc/sys/kernel/osrelease") + " " + runtime.GOARCH,
		Versions: map[string]string{"bench": runtime.Version()},
	}
	m.MemoryKiB, _ = strconv.ParseInt(strings.TrimSuffix(valueIn("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		m.OpenFiles = limit.Cur
	}
	for i, text := range strings.Fields(firstLine("/proc/loadavg")) {
		if i < len(m.LoadBefore) {
			m.LoadBefore[i], _ = strconv.ParseFloat(text, 64)
		}
	}
	for _, tool := range tools {
		if path, err := rig.Find(tool); err == nil {
			ask := "-v" // wrk knows only the short flag, and the others know it too
			if tool == "go" {
				ask = "version"
			}
			m.Versions[tool] = rig.Version(path, ask)
		}
	}
	if graygate != "" {
		m.Versions[rig.Graygate] = rig.Version(graygate, "version")
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Versions["commit"] = strings.TrimSpace(string(out))
	}
	return m
}

// valueIn is the value of the first "key: value" line of a file, "" if there is none. What a machine does not tell
// about itself is no reason not to measure.
func valueIn(path, key string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
