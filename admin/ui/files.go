// Package ui is the console: one page that shows an operator what the gateway does, and asks the admin server for it. It is
// plain files, embedded, with nothing to build; it works without a network beyond the admin address. What the page may
// do is bounded by the Content-Security-Policy that the admin server sends with it: scripts and styles are files of its own.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// Files gives the page's files, index.html at the root. They never change while the process runs, and may be read
// concurrently.
func Files() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic("BUG: ui: " + err.Error())
	}
	return files
}
