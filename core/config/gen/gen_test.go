package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storeward/storeward/core/config"
)

func generated(t *testing.T) map[string][]byte {
	t.Helper()
	model, err := read("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, out := range outputs {
		text, err := out.make(model)
		if err != nil {
			t.Fatal(err)
		}
		again, err := out.make(model)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%s comes out differently the second time (%v)", out.path, err)
		}
		files[out.path] = text
	}
	return files
}

func TestUpToDate(t *testing.T) {
	for path, want := range generated(t) {
		got, err := os.ReadFile(filepath.Join("../../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date: go run ./core/config/gen (-want +got)\n%s", path, diff)
		}
	}
}

// The sample says what the example says: the comments change nothing.
func TestSampleIsTheExample(t *testing.T) {
	cfg, err := config.Parse("sample", generated(t)["contrib/examples/storeward.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	if w := cfg.Warnings(); len(w) > 0 {
		t.Error(w)
	}
	want, err := example()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Digest() != want.Digest() || len(cfg.Probes) != len(want.Probes) || len(cfg.Report.Influx) != 1 {
		t.Errorf("the sample reads as %+v", cfg)
	}
	for i, r := range cfg.Resources {
		if !bytes.Equal(bytes.Join(bytes.Fields(r.With.For("alpha")), nil), bytes.Join(bytes.Fields(want.Resources[i].With.For("alpha")), nil)) {
			t.Errorf("%s: %s", r.Name, r.With)
		}
	}
}

func TestSchemaIsJSON(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(generated(t)["core/config/storeward.schema.json"], &schema); err != nil {
		t.Fatal(err)
	}
	if schema["additionalProperties"] != false {
		t.Error("unknown keys pass")
	}
}
