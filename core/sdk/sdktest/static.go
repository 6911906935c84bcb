package sdktest

import (
	"os"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/conform"
	"github.com/storeward/storeward/core/sdk/remote"
)

// Instance is a handle of an opened instance; it has the methods of every role.
type Instance = remote.Instance

func checkDescription(t *testing.T, p sdk.Plugin) {
	if err := conform.Description(p.Name, p.Version, p.Summary); err != nil {
		t.Error(err)
	}
	if p.DefaultConfig == nil || p.New == nil {
		t.Fatal("DefaultConfig and New must be set")
	}
	if p.DefaultConfig() == p.DefaultConfig() {
		t.Error("DefaultConfig returns the same pointer twice: two instances would share one configuration")
	}
}

func checkConfiguration(t *testing.T, c Case) {
	if _, err := c.Plugin.Configure([]byte(c.Config)); err != nil {
		t.Errorf("the case's configuration is refused: %v", err)
	}
	for _, bad := range conform.BadSections(c.Config) {
		_, err := c.Plugin.Configure([]byte(bad.Text))
		if wrong := conform.Refusal(err); wrong != nil {
			t.Errorf("%s: %v", bad.Name, wrong)
		}
	}
}

var fenced = regexp.MustCompile("(?ms)^```ya?ml\n(.*?)^```")

// checkReadme validates every sample of a plugin's README: a block of YAML that
// holds "with:" somewhere.
func checkReadme(t *testing.T, c Case) {
	if c.Readme == "-" {
		t.Skip("no README")
	}
	path := c.Readme
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read README: %v", err)
	}
	samples := 0
	for _, block := range fenced.FindAllSubmatch(text, -1) {
		var document any
		if err := yaml.Unmarshal(block[1], &document); err != nil {
			t.Errorf("a sample in %s is no YAML: %v", path, err)
			continue
		}
		for _, section := range sections(document, c.Plugin.Name) {
			samples++
			part, err := yaml.Marshal(section)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Plugin.Configure(part); err != nil {
				t.Errorf("a sample in %s is refused: %v\n%s", path, err, part)
			}
		}
	}
	if samples == 0 {
		t.Errorf("%s holds no sample: want a ```yaml block with \"plugin: %s\" and \"with:\"", path, c.Plugin.Name)
	}
}

// sections finds the "with" of every mapping whose "plugin" is the given one.
// Keys of a section that name a node hold that node's own values; a sample of
// such a section stands for the node alpha.
func sections(document any, plugin string) []any {
	var found []any
	switch v := document.(type) {
	case []any:
		for _, element := range v {
			found = append(found, sections(element, plugin)...)
		}
	case map[string]any:
		if with, ok := v["with"]; ok && v["plugin"] == plugin {
			return []any{merged(with)}
		}
		for _, element := range v {
			found = append(found, sections(element, plugin)...)
		}
	}
	return found
}

func merged(with any) any {
	section, ok := with.(map[string]any)
	if !ok {
		return with
	}
	out := map[string]any{}
	for key, value := range section {
		if key != "alpha" && key != "beta" {
			out[key] = value
		}
	}
	if own, ok := section["alpha"].(map[string]any); ok {
		for key, value := range own {
			out[key] = value
		}
	}
	return out
}
