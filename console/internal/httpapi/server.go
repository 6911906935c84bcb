package httpapi

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/storeward/storeward/console/internal/auth"
)

// PromPrefix is where the HTTP API of Prometheus lies.
const PromPrefix = "/api/prom/api/v1"

const streamPath = "/api/v1/stream"

// contentPolicy allows what our own pages need and nothing from elsewhere; the
// component library sets style attributes, hence unsafe-inline for styles.
const contentPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Parts are what is served beside the API.
type Parts struct {
	Prom    http.Handler // answers below PromPrefix
	Files   fs.FS        // the built web pages
	Metrics prometheus.Gatherer
}

// Handler serves everything.
func (a *API) Handler(p Parts) (http.Handler, error) {
	pages, err := newPages(p.Files)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	a.register(mux)
	mux.Handle(PromPrefix+"/", a.promGuard(p.Prom))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "there is no such operation; /openapi.json lists them")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.Handle("/", pages)
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "the request comes from another site")
	}))
	return headers(csrf.Handler(a.Sessions.Middleware(compress(mux)))), nil
}

// compress compresses what gains by it; the stream has to leave at once.
func compress(next http.Handler) http.Handler {
	zipped := gzhttp.GzipHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == streamPath {
			next.ServeHTTP(w, r)
			return
		}
		zipped.ServeHTTP(w, r)
	})
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// promGuard lets viewers in, by session or by HTTP basic authentication as
// Grafana does it.
func (a *API) promGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := a.promUser(r)
		switch {
		case errors.Is(err, auth.ErrTooMany):
			problem(w, http.StatusTooManyRequests, err.Error())
		case err != nil && !errors.Is(err, auth.ErrRefused):
			a.Log.WithError(err).Error("user not checked")
			problem(w, http.StatusInternalServerError, "the console cannot check users now")
		case user == nil:
			why := "log in first, or use HTTP basic authentication"
			if err != nil {
				why = err.Error()
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="Storeward", charset="UTF-8"`)
			problem(w, http.StatusUnauthorized, why)
		case !user.Role.Allows(auth.Viewer):
			problem(w, http.StatusForbidden, "this needs the role viewer or more")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (a *API) promUser(r *http.Request) (*auth.User, error) {
	if name, password, ok := r.BasicAuth(); ok {
		return a.Users.Prove(r.Context(), name, password, host(r.RemoteAddr))
	}
	return a.Sessions.User(r.Context())
}

// healthz answers 200 as long as the console can read its database.
func (a *API) healthz(w http.ResponseWriter, r *http.Request) {
	if _, err := a.Users.Any(r.Context()); err != nil {
		a.Log.WithError(err).Error("database not readable")
		problem(w, http.StatusServiceUnavailable, "the database cannot be read")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the client may be gone
}

// problem answers with an error in the form of RFC 9457.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}) // the client may be gone
}
