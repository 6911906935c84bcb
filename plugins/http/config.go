package http

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a store's configuration.
type Config struct {
	// URL is what to ask for, http or https.
	URL string `yaml:"url"`
	// Method is the request's method.
	Method string `yaml:"method"`
	// Headers are sent with the request; Host sets the request's host.
	Headers map[string]string `yaml:"headers"`
	// User and Password are for basic authentication.
	User     string     `yaml:"user"`
	Password sdk.Secret `yaml:"password"`
	// ExpectStatus lists the statuses that are well; empty: 200 to 299.
	ExpectStatus []int `yaml:"expect_status"`
	// ExpectBody is a regular expression (RE2) that the first 64 KiB of the body must match.
	ExpectBody string `yaml:"expect_body"`
	// Timeout is how long the whole answer may take.
	Timeout sdk.Duration `yaml:"timeout"`
	// Slow is the response time from which the service is Degraded; 0s: never.
	Slow sdk.Duration `yaml:"slow"`
	// KeepAlive reuses the connection; otherwise every probe makes a new one, as a customer does.
	KeepAlive bool `yaml:"keep_alive"`
	// Interface is asked through: its loss makes the probe's answer Unknown, not Down.
	Interface string `yaml:"interface"`
	// TLS is for https.
	TLS TLS `yaml:"tls"`
}

// TLS says whom to trust.
type TLS struct {
	// CA is a PEM file with the authorities to trust; empty: the system's.
	CA string `yaml:"ca"`
	// ServerName is the name that the certificate must hold; empty: the URL's host.
	ServerName string `yaml:"server_name"`
	// Insecure accepts every certificate.
	Insecure bool `yaml:"insecure"`
	// ExpiresWithin is the rest of a certificate's life below which the service is Degraded; 0s: never.
	ExpiresWithin sdk.Duration `yaml:"expires_within"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() any {
	return &Config{
		Method:  http.MethodGet,
		Timeout: sdk.Duration(2 * time.Second),
		TLS:     TLS{ExpiresWithin: sdk.Duration(14 * 24 * time.Hour)},
	}
}

// Validate returns every fault of the configuration, each with its path.
func (c *Config) Validate() error {
	return errors.Join(c.checkURL(), c.checkRequest(), c.checkAnswer(), c.checkTimes())
}

// userinfo is what may be a name and a password, in a text that need be no URL.
var userinfo = regexp.MustCompile(`^([a-z]+://)?.*@`)

// checkURL shows no password.
func (c *Config) checkURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New(`url: is missing: name what to ask for, e.g. "http://192.0.2.101/health"`)
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("url: %q is no http or https URL: e.g. \"http://192.0.2.101/health\"", userinfo.ReplaceAllString(c.URL, "${1}…@"))
	case u.User != nil:
		return errors.New("url: holds a password: use user and password")
	}
	return nil
}

func (c *Config) checkRequest() error {
	var faults []error
	if c.Method == "" || strings.ToUpper(c.Method) != c.Method || strings.ContainsAny(c.Method, " \t\r\n") {
		faults = append(faults, fmt.Errorf("method: %q is no method: e.g. GET or HEAD", c.Method))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if name == "" || strings.ContainsAny(name+c.Headers[name], "\r\n") || strings.ContainsAny(name, " :") {
			faults = append(faults, fmt.Errorf("headers: %q is no header", name))
		}
	}
	if c.User == "" && !c.Password.IsZero() {
		faults = append(faults, errors.New("user: is missing beside a password"))
	}
	return errors.Join(faults...)
}

func (c *Config) checkAnswer() error {
	var faults []error
	for i, status := range c.ExpectStatus {
		if status < 100 || status > 599 {
			faults = append(faults, fmt.Errorf("expect_status[%d]: %d is no status: use 100 to 599", i, status))
		}
	}
	if _, err := regexp.Compile(c.ExpectBody); err != nil {
		faults = append(faults, fmt.Errorf("expect_body: is no regular expression: %w", err))
	}
	if c.ExpectBody != "" && c.Method == http.MethodHead {
		faults = append(faults, errors.New("expect_body: HEAD has no body: use GET"))
	}
	return errors.Join(faults...)
}

func (c *Config) checkTimes() error {
	var faults []error
	if d := c.Timeout.Std(); d < time.Millisecond || d > 10*time.Minute {
		faults = append(faults, fmt.Errorf("timeout: %v is out of range: use 1ms to 10m", d))
	}
	if c.Slow > 0 && c.Slow >= c.Timeout {
		faults = append(faults, fmt.Errorf("slow: %v is not below the timeout of %v", c.Slow, c.Timeout))
	}
	return errors.Join(faults...)
}
