package ups

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestRecordedDevices plays recordings: a new device is a new folder below
// testdata/devices, see the README there.
func TestRecordedDevices(t *testing.T) {
	folders, err := filepath.Glob("testdata/devices/*/walk.txt")
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d recordings, %v", len(folders), err)
	}
	for _, walk := range folders {
		dir := filepath.Dir(walk)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got, golden := play(t, dir), filepath.Join(dir, "golden.txt")
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := readFile(t, golden); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// play tells what the plugin makes of a recording, and what it sends.
func play(t *testing.T, dir string) string {
	a := newAgent(t)
	on, off := recording(t, filepath.Join(dir, "walk.txt")), recording(t, filepath.Join(dir, "off.txt"))
	a.with(func() { a.objects, a.after = maps.Clone(on), off })
	section := "address: " + a.address() + "\n" + readFile(t, filepath.Join(dir, "config.yaml"))
	config, err := New().Configure([]byte(section))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := open(t.Context(), sdk.Env{Instance: "ups-beta", StateDir: t.TempDir(), Log: quiet()}, config)
	if err != nil {
		t.Fatal(err)
	}
	u := opened.(*instance)
	var story strings.Builder
	say := func(format string, arguments ...any) {
		line := strings.ReplaceAll(fmt.Sprintf(format, arguments...), a.address(), "ADDRESS")
		story.WriteString(line + "\n")
	}
	described, err := u.Describe(t.Context())
	if err != nil {
		say("describe: %v", err)
		return story.String()
	}
	say("describe: %s; order life %v, timed off %v", described.Kind, described.OrderLife, described.TimedOff)
	health := func(when string) {
		result, err := u.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		say("%s: %s: %s", when, map[sdk.Status]string{sdk.OK: "well", sdk.Degraded: "degraded"}[result.Status], result.Message)
		for _, name := range slices.Sorted(maps.Keys(result.Values)) {
			say("  %s %s", name, strconv.FormatFloat(result.Values[name], 'g', 6, 64))
		}
	}
	obey := func(name string, act func(context.Context, sdk.Order) (sdk.Reading, error)) {
		before := len(a.sent())
		reading, err := act(t.Context(), order(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		say("%s: %s", name, reading.Message)
		for _, packet := range a.sent()[before:] {
			say("  set %s", packet)
		}
	}
	health("health")
	obey("off", u.Off)
	health("health")
	a.with(func() { a.after = on })
	obey("on", u.On)
	return story.String()
}

// recording reads what snmpwalk -On prints.
func recording(t *testing.T, path string) map[string]gosnmp.SnmpPDU {
	t.Helper()
	objects := map[string]gosnmp.SnmpPDU{}
	lines := bufio.NewScanner(strings.NewReader(readFile(t, path)))
	for lines.Scan() {
		oid, rest, ok := strings.Cut(lines.Text(), " = ")
		if !ok {
			continue
		}
		word, value, ok := strings.Cut(rest, ": ")
		pdu := gosnmp.SnmpPDU{Name: oid, Value: strings.Trim(value, `"`)}
		switch {
		case !ok:
			t.Fatalf("%s: %q is no line of snmpwalk -On", path, lines.Text())
		case word == "STRING":
			pdu.Type = gosnmp.OctetString
		case word == "OID":
			pdu.Type = gosnmp.ObjectIdentifier
		default:
			n := 0
			if _, err := fmt.Sscanf(strings.Trim(value, "("), "%d", &n); err != nil {
				t.Fatalf("%s: %q: %v", path, lines.Text(), err)
			}
			switch word {
			case "INTEGER":
				pdu.Type, pdu.Value = gosnmp.Integer, n
			case "Gauge32":
				pdu.Type, pdu.Value = gosnmp.Gauge32, uint(n)
			case "Timeticks":
				pdu.Type, pdu.Value = gosnmp.TimeTicks, uint32(n)
			default:
				t.Fatalf("%s: type %q is not known here", path, word)
			}
		}
		objects[oid] = pdu
	}
	return objects
}

// sent are the SETs that arrived, as text.
func (a *agent) sent() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]string, len(a.sets))
	for i, variables := range a.sets {
		var parts []string
		for _, v := range variables {
			value := v.Value
			if raw, ok := value.([]byte); ok {
				value = strconv.Quote(string(raw))
			}
			parts = append(parts, fmt.Sprintf("%s = %v", v.Name, value))
		}
		list[i] = strings.Join(parts, ", ")
	}
	return list
}
