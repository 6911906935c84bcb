package failover_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/internal/failover"
)

var rewrite = flag.Bool("rewrite", false, "write the scenarios' decisions anew; read the difference before you commit it")

// Every file is a scenario and its own golden output.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Errorf("only %d scenarios", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := failover.RunScenario(bytes.NewReader(want))
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			if !strings.HasPrefix(got, "# ") {
				t.Error("the first line must be a comment that names the rule")
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
