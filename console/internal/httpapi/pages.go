package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

const indexFile = "index.html"

// notBuilt is shown when the console was compiled before its pages were built.
const notBuilt = `<!doctype html><html lang="en"><title>Storeward console</title>
<p>The web pages are not part of this build: run <code>make web</code>, then build the console again.
The API works: see <a href="/openapi.json">/openapi.json</a>.</p></html>
`

// pages serves the built web pages from memory. Any other path that could be a
// page's address gets the index: the pages route within the browser.
type pages struct{ files map[string]page }

type page struct {
	body []byte
	tag  string
}

func newPages(files fs.FS) (*pages, error) {
	p := &pages{files: map[string]page{indexFile: newPage([]byte(notBuilt))}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		p.files[name] = newPage(body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read web pages: %w", err)
	}
	return p, nil
}

func newPage(body []byte) page {
	sum := sha256.Sum256(body)
	return page{body, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		problem(w, http.StatusMethodNotAllowed, "pages are only read")
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	file, ok := p.files[name]
	if !ok {
		if path.Ext(name) != "" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.NotFound(w, r)
			return
		}
		name, file = indexFile, p.files[indexFile]
	}
	// Vite names the files in assets/ by their content.
	cache := "no-cache"
	if strings.HasPrefix(name, "assets/") {
		cache = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Etag", file.tag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file.body))
}
