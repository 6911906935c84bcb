package failover

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMachineIsPlainData: an image has no words for anything else.
func TestMachineIsPlainData(t *testing.T) {
	seen := map[reflect.Type]bool{reflect.TypeFor[Plan](): true} // which an image leaves out
	var look func(path string, of reflect.Type)
	look = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Struct:
			if seen[of] {
				return
			}
			seen[of] = true
			for i := range of.NumField() {
				look(path+"."+of.Field(i).Name, of.Field(i).Type)
			}
		case reflect.Slice:
			look(path+"[]", of.Elem())
		case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Uint8, reflect.Uint64:
		default:
			t.Errorf("%s is a %s", path, of)
		}
	}
	look("Machine", reflect.TypeFor[Machine]())
}

// imagesTaken is how many images of a scenario are tried: an image is most of the work.
const imagesTaken = 100

// TestImageIsTheWholeMachine: the machine is replaced by its image's again and again,
// and every scenario comes out as before.
func TestImageIsTheWholeMachine(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		if raced && i%16 != 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, inputs := newScenario(), 0
			s.bench.record = func(n *benchNode, _ Event) {
				if inputs++; inputs > imagesTaken && inputs%imagesTaken != 0 {
					return
				}
				image := n.machine.Image()
				again, err := ParseImage(image)
				if err != nil {
					t.Fatalf("%v\n%s", err, image)
				}
				if diff := cmp.Diff(image, again.Image()); diff != "" {
					t.Fatal(diff)
				}
				again.plan = n.machine.plan
				*n.machine = *again
			}
			if err := s.read(strings.NewReader(string(want))); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), s.out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForeignImageIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		`engine {}`:                      "want a line",
		`machine {`:                      "unexpected EOF",
		`machine {"role":"active"}`:      "role",
		`machine {"role":300}`:           "out of range",
		`machine {"now":[1]}`:            "now",
		`machine {"crystalBall":true}`:   "another version",
		`machine {"state":{"Gone":1}}`:   "another version",
		`machine {"links":{"name":"a"}}`: "links",
	} {
		if _, err := ParseImage(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

func BenchmarkImage(b *testing.B) {
	s := newScenario()
	if err := s.read(strings.NewReader("start alpha active\nstart beta standby\nrun 3s\n")); err != nil {
		b.Fatal(err)
	}
	m := s.bench.nodes[1].machine
	b.ReportAllocs()
	b.ReportMetric(float64(len(m.Image())), "B/image")
	for b.Loop() {
		m.Image()
	}
}
