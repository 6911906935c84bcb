// Package web holds the built files of the console's web interface. It only
// carries them: what is served under which path is the HTTP server's matter.
package web

import (
	"embed"
	"io/fs"
)

// The folder always holds at least .keep, so that the package compiles before
// the web interface was built.
//
//go:embed all:dist
var dist embed.FS

// Files returns the built files, index.html at the top. Before the first build
// it holds no index.html.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path: fs.Sub cannot refuse it
	}
	return files
}
