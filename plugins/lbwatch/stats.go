package lbwatch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/storeward/storeward/core/sdk"
)

// stats is HAProxy's answer: a row for each front end, back end and server.
type stats []row

// row has its columns by their names: HAProxy adds columns with every version.
type row map[string]string

func (r row) number(column string) float64 {
	n, _ := strconv.ParseFloat(r[column], 64) // an empty column is none
	return n
}

// parseStats reads CSV whose first line, after "# ", names the columns.
func parseStats(text string) (stats, error) {
	reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "# ")))
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, errors.New("it is empty")
	}
	names := records[0]
	for _, needed := range []string{"pxname", "svname", "status"} {
		if !slices.Contains(names, needed) {
			return nil, fmt.Errorf("it has no column %s", needed)
		}
	}
	var out stats
	for _, record := range records[1:] {
		one := row{}
		for i, value := range record[:min(len(record), len(names))] {
			one[names[i]] = value
		}
		out = append(out, one)
	}
	return out, nil
}

// backend is what the rows say of one back end.
type backend struct {
	name        string
	open        bool // it takes requests
	up, servers int
	down        []string // servers that are down, with the reason; not those that were set aside
}

// backends gathers the named ones, or all that have servers.
func (s stats) backends(names []string) ([]backend, error) {
	var all []backend
	place := map[string]int{}
	for _, r := range s {
		name := r["pxname"]
		if r["svname"] == "FRONTEND" || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		if _, known := place[name]; !known {
			place[name] = len(all)
			all = append(all, backend{name: name})
		}
		all[place[name]].add(r)
	}
	for _, name := range names {
		if _, known := place[name]; !known {
			return nil, fmt.Errorf("HAProxy has no backend %q", name)
		}
	}
	return slices.DeleteFunc(all, func(b backend) bool { return b.servers == 0 && len(names) == 0 }), nil
}

// add takes a row of a server or of the back end itself. The words of status: HAProxy
// Management Guide section 9.1, field 17.
func (b *backend) add(r row) {
	status := r["status"]
	word, _, _ := strings.Cut(status, " ")
	if r["svname"] == "BACKEND" {
		b.open = word == "UP"
		return
	}
	b.servers++
	switch word {
	case "UP", "no":
		b.up++
	case "MAINT", "DRAIN", "NOLB": // somebody wants it so
	default:
		why := r["check_status"]
		if why == "" {
			why = status
		}
		b.down = append(b.down, r["svname"]+": "+why)
	}
}

func (b *backend) String() string {
	text := fmt.Sprintf("%s %d of %d servers", b.name, b.up, b.servers)
	if len(b.down) > 0 {
		text += " (" + strings.Join(b.down, ", ") + ")"
	}
	return text
}

// judge sums the statistics up.
func (s stats) judge(names []string) (view, error) {
	backends, err := s.backends(names)
	if err != nil {
		return view{}, err
	}
	v := view{running: true, here: true, status: sdk.OK, values: map[string]float64{}}
	var texts, closed []string
	for i := range backends {
		b := &backends[i]
		texts = append(texts, b.String())
		v.values["servers_up"] += float64(b.up)
		v.values["servers_total"] += float64(b.servers)
		switch {
		case !b.open:
			closed = append(closed, b.name)
		case len(b.down) > 0 && v.status == sdk.OK:
			v.status = sdk.Degraded
		}
	}
	v.message = "HAProxy serves: " + strings.Join(texts, ", ")
	if len(closed) > 0 {
		v.status = sdk.Down
		v.message = fmt.Sprintf("HAProxy has no server for %s: %s", strings.Join(closed, " and "), strings.Join(texts, ", "))
	}
	s.count(&v)
	return v, nil
}

// count adds the loads, and the table for evidence.
func (s stats) count(v *view) {
	for _, r := range s {
		switch r["svname"] {
		case "FRONTEND":
			v.values["sessions"] += r.number("scur")
		case "BACKEND":
			v.values["queued"] += r.number("qcur")
			v.values["connection_errors_total"] += r.number("econ")
			v.values["response_errors_total"] += r.number("eresp")
		}
		v.text += fmt.Sprintf("%s/%s %s %s, %s sessions, last change %s s ago\n", r["pxname"], r["svname"], r["status"], r["check_status"], r["scur"], r["lastchg"])
	}
}
