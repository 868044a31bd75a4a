package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases; otherwise it is the commit that was built.
var version = ""

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Printf("graygate %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text, dirty := "devel", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			text = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "-dirty"
			}
		}
	}
	return text + dirty
}
