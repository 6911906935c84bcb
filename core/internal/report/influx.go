package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxapi "github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/write"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
)

// influxSink writes points to one endpoint of the InfluxDB v2 write API. It
// uses the client's blocking calls: the other ones drop what a server that is
// away does not take.
type influxSink struct {
	name   string
	client influxdb2.Client
	write  influxapi.WriteAPIBlocking
	box    *outbox
	log    logrus.FieldLogger
}

func newInfluxSink(o Options, s config.InfluxSink, box *outbox) (*influxSink, error) {
	if u, err := url.Parse(string(s.URL)); err != nil || u.Host == "" {
		return nil, fmt.Errorf("url %q is not an address such as http://influx.example:8086", s.URL)
	}
	token, err := s.Token.Reveal()
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	client := influxdb2.NewClientWithOptions(string(s.URL), token, influxdb2.DefaultOptions().SetHTTPRequestTimeout(10))
	return &influxSink{
		name: "influx/" + s.Name, client: client, write: client.WriteAPIBlocking(s.Org, s.Bucket),
		box: box, log: o.Log.WithField("sink", "influx/"+s.Name),
	}, nil
}

func (s *influxSink) run(ctx context.Context) {
	defer s.client.Close()
	forward(ctx, s.box, s.name, s.log, s.deliver)
}

// deliver writes the points of some envelopes. What the endpoint calls
// malformed would be malformed for ever: it is said and passed over.
func (s *influxSink) deliver(ctx context.Context, envelopes []*api.Envelope) (uint64, error) {
	var points []*write.Point
	for _, e := range envelopes {
		for _, p := range e.GetPoints().GetPoints() {
			if len(p.Fields) == 0 {
				continue
			}
			fields := make(map[string]any, len(p.Fields))
			for k, v := range p.Fields {
				fields[k] = v
			}
			points = append(points, write.NewPoint(p.Measurement, p.Tags, fields, time.Unix(0, p.TimeUnixNano)))
		}
	}
	newest := envelopes[len(envelopes)-1].Sequence
	if len(points) == 0 {
		return newest, nil
	}
	err := s.write.WritePoint(ctx, points...)
	var refused *influxhttp.Error
	if errors.As(err, &refused) && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusUnprocessableEntity) {
		s.log.WithError(err).WithField("points", len(points)).Error("points refused as malformed")
		return newest, nil
	}
	return newest, err
}
