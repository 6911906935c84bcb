package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

// ConsoleClient speaks to the console as a browser does.
type ConsoleClient struct {
	http *http.Client
	base string
}

// Client logs in to the console through the lab.
func (h *Headquarters) Client(ctx context.Context) (*ConsoleClient, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &ConsoleClient{base: "http://" + consoleHTTP, http: h.web()}
	c.http.Jar = jar
	body, err := json.Marshal(map[string]string{"user": ConsoleUser, "password": h.Password})
	if err != nil {
		return nil, err
	}
	_, err = c.do(ctx, http.MethodPost, "/api/v1/login", bytes.NewReader(body))
	return c, err
}

// web is a client at the headquarters.
func (h *Headquarters) web() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return h.site.Lab.HQ.Dial(ctx, "tcp4", address)
		},
		DisableKeepAlives: true,
	}}
}

// Series asks VictoriaMetrics for the newest value of an expression.
func (h *Headquarters) Series(ctx context.Context, expression string) (string, error) {
	c := &ConsoleClient{base: "http://" + net.JoinHostPort(lab.HQAddress, victoriaPort), http: h.web()}
	text, err := c.do(ctx, http.MethodGet, "/api/v1/query?query="+url.QueryEscape(expression), nil)
	return string(text), err
}

// Get reads a path of the API into a value.
func (c *ConsoleClient) Get(ctx context.Context, path string, into any) error {
	text, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (c *ConsoleClient) do(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	response, err := c.open(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, strings.TrimSpace(string(text)))
	}
	return text, nil
}

func (c *ConsoleClient) open(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.http.Do(request)
}

// Stream delivers the console's live messages until ctx ends or the console goes away.
func (c *ConsoleClient) Stream(ctx context.Context, message func(kind string, data []byte)) error {
	response, err := c.open(ctx, http.MethodGet, "/api/v1/stream", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("open the console's stream: %s", response.Status)
	}
	kind := ""
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimPrefix(value, " "); field {
		case "event":
			kind = value
		case "data":
			message(kind, []byte(value))
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Query asks the console's PromQL API for the newest value of an expression, by label set.
func (c *ConsoleClient) Query(ctx context.Context, expression string) (string, error) {
	text, err := c.do(ctx, http.MethodGet, "/api/prom/api/v1/query?query="+url.QueryEscape(expression), nil)
	return string(text), err
}
