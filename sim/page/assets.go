package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed web/dist
var dist embed.FS

// Embedded is the page as it was last built (web/build.mjs).
func Embedded() fs.FS {
	sub, err := fs.Sub(dist, "web/dist")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// asset is one file of the page.
type asset struct {
	kind    string
	etag    string
	raw     []byte
	squeeze func() []byte // the gzip of raw, made once
}

// assets are the page's files by path.
type assets map[string]asset

func readAssets(from fs.FS) (assets, error) {
	out := assets{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(name, ".sha256") {
			return err
		}
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		kind := mime.TypeByExtension(path.Ext(name))
		if kind == "" {
			kind = "application/octet-stream"
		}
		out["/"+name] = asset{kind: kind, etag: `"` + hex.EncodeToString(sum[:16]) + `"`, raw: raw,
			squeeze: sync.OnceValue(func() []byte { return compress(raw) })}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the page's files: %w", err)
	}
	index, ok := out["/index.html"]
	if !ok {
		return nil, fmt.Errorf("reading the page's files: no index.html: build the page (make page)")
	}
	out["/"] = index
	go func() { // before anybody asks
		for _, a := range out {
			a.squeeze()
		}
	}()
	return out, nil
}

func compress(raw []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(raw); err != nil || z.Close() != nil {
		return nil // writing to memory does not fail
	}
	return b.Bytes()
}

func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := a[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", one.kind)
	h.Set("ETag", one.etag)
	h.Set("Cache-Control", "no-cache") // kept, and asked about each time
	h.Set("Vary", "Accept-Encoding")
	body := one.raw
	if small := one.squeeze(); strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(small) > 0 && len(small) < len(body) &&
		r.Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		body = small
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
