package admin

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/valyala/fasthttp"
)

// asset is one file of the console.
type asset struct {
	kind string
	body []byte
}

// assetKinds are the types of files that are served, by the end of their names.
var assetKinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".json": typeJSON, ".woff2": "font/woff2",
	".txt": typeText, ".map": typeJSON,
}

// policy is what the console's pages may do: nothing but with what comes from here, and no script that stands in a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// loadAssets reads the files of the kinds that are served, each under its path; others, and those with a dot in front, are left
// out. More than assetFiles, or assetBytes, is an error.
func loadAssets(files fs.FS) (map[string]asset, error) {
	all, size := map[string]asset{}, 0
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		kind := assetKinds[path.Ext(name)]
		if err != nil || d.IsDir() || kind == "" || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if size += len(body); size > assetBytes || len(all) >= assetFiles {
			return fmt.Errorf("the console has more than %d files or %d bytes", assetFiles, assetBytes)
		}
		all[name] = asset{kind, body}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// asset answers with a file of the console. Everybody may have them: they say nothing of this gateway.
func (s *Server) asset(ctx *fasthttp.RequestCtx, method, path string) *problem {
	if method != fasthttp.MethodGet {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		return &problem{405, "wrong_method", "the console is for GET", ""}
	}
	if len(s.assets) == 0 {
		return &problem{404, "no_console", "this gateway has no console", ""}
	}
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if path == "/ui" {
		h.Set(fasthttp.HeaderLocation, "/ui/") // by itself: whatever host was asked for is not repeated
		ctx.SetStatusCode(fasthttp.StatusPermanentRedirect)
		return nil
	}
	name := strings.TrimPrefix(path, "/ui/")
	if name == "" {
		name = "index.html"
	}
	file, is := s.assets[name]
	if !is {
		return &problem{404, "not_found", "the console has no " + shown(name), ""}
	}
	ctx.SetContentType(file.kind)
	ctx.SetBody(file.body)
	return nil
}
