package page_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"ecsbot/sim/page"
)

func TestOnlyItsOwnPageIsAnswered(t *testing.T) {
	url := serve(t, nil)
	addr := strings.TrimPrefix(url, "http://")
	_, port, _ := strings.Cut(addr, ":")
	ours := "http://" + addr
	for name, tt := range map[string]struct {
		method, path string
		headers      []string
		want         int
	}{
		"by address":              {"GET", "/", nil, 200},
		"by localhost":            {"GET", "/", []string{"Host", "localhost:" + port}, 200},
		"DNS rebinding":           {"GET", "/", []string{"Host", "evil.example:" + port}, 403},
		"rebinding, no port":      {"GET", "/", []string{"Host", "localhost"}, 403},
		"rebinding, another port": {"GET", "/", []string{"Host", "127.0.0.1:1"}, 403},
		"rebound feed":            {"GET", "/live", []string{"Host", "evil.example:" + port}, 403},
		"rebound order":           {"POST", "/do", []string{"Host", "evil.example:" + port, "Origin", "http://evil.example:" + port}, 403},
		"foreign origin":          {"POST", "/do", []string{"Origin", "http://evil.example"}, 403},
		"no origin":               {"POST", "/do", nil, 403},
		"null origin":             {"POST", "/do", []string{"Origin", "null"}, 403},
		"origin by another name":  {"POST", "/do", []string{"Origin", "http://localhost:" + port}, 403},
		"https":                   {"POST", "/do", []string{"Origin", "https://" + addr}, 403},
		"feed into another page":  {"GET", "/app.js", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"link from elsewhere":     {"GET", "/", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		"a form":                  {"POST", "/do", []string{"Origin", ours, "Content-Type", "application/x-www-form-urlencoded"}, 415},
		"our own":                 {"POST", "/do", []string{"Origin", ours, "Content-Type", "application/json"}, 200},
		"unknown file":            {"GET", "/etc/passwd", nil, 404},
		"order by GET":            {"GET", "/do", nil, 404},
		"deleting":                {"DELETE", "/", nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := ask(t, tt.method, url+tt.path, `{"do":"pace","pace":0}`, tt.headers...)
			if res.StatusCode != tt.want {
				t.Errorf("status %d, want %d: %s", res.StatusCode, tt.want, body)
			}
			if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
			if res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("no nosniff")
			}
		})
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "nonsense"} {
		if l, err := page.Listen(t.Context(), addr); err == nil {
			t.Errorf("it listens at %s", l.Addr())
			l.Close()
		}
	}
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	s := &page.Server{}
	if err := s.Serve(context.Background(), everywhere); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("serving at %s: %v", everywhere.Addr(), err)
	}
}

func TestAssets(t *testing.T) {
	url := serve(t, nil)
	res, body := ask(t, http.MethodGet, url+"/app.js", "")
	if res.Header.Get("Content-Encoding") != "" || len(body) != 5500 || !strings.Contains(res.Header.Get("Content-Type"), "javascript") {
		t.Errorf("plain: %v, %d bytes", res.Header, len(body))
	}
	res, body = ask(t, http.MethodGet, url+"/app.js", "", "Accept-Encoding", "br, gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || len(body) > 200 || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("compressed: %v, %d bytes", res.Header, len(body))
	}
	etag := res.Header.Get("ETag")
	res, body = ask(t, http.MethodGet, url+"/app.js", "", "If-None-Match", etag)
	if etag == "" || res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("again with %q: %d, %d bytes", etag, res.StatusCode, len(body))
	}
	if res, _ := ask(t, http.MethodGet, url+"/source.sha256", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("the build's own note is served: %d", res.StatusCode)
	}
	res, body = ask(t, http.MethodGet, url+"/?story=ghost&as=olga", "")
	if res.StatusCode != 200 || !strings.Contains(body, "<!doctype html>") || !strings.Contains(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page: %d %q", res.StatusCode, body)
	}
}
