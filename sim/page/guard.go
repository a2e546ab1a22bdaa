package page

import (
	"net"
	"net/http"
	"slices"
)

// policy lets the page load what this server serves and nothing else: no inline
// script, no address elsewhere, no frame around it.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard keeps other pages out. A page elsewhere can point its own host name at
// 127.0.0.1 (DNS rebinding): its requests then carry that name, so the Host must
// be ours. It can also send requests here by its visitors' browsers: those carry
// its Origin, and an order must carry ours.
type guard struct {
	hosts []string
}

// newGuard takes the address that the server listens on.
func newGuard(addr string) (guard, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return guard{}, err
	}
	return guard{hosts: []string{addr, "localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port}}, nil
}

func (g guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !slices.Contains(g.hosts, r.Host):
			http.Error(w, "this server answers only to its own address", http.StatusForbidden)
		case r.Method == http.MethodPost && r.Header.Get("Origin") != "http://"+r.Host:
			http.Error(w, "orders are taken from this server's own page only", http.StatusForbidden)
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.URL.Path != "/":
			http.Error(w, "this is for this server's own page only", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
