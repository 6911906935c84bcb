package sdk

import (
	"slices"
	"testing"
)

// TestSecretsAreNamed wherever a configuration's type has them.
func TestSecretsAreNamed(t *testing.T) {
	type Door struct {
		Code Secret `yaml:"code"`
	}
	type room struct {
		Door
		Name  string  `yaml:"name"`
		Inner []*room `yaml:"inner"`
	}
	type house struct {
		Login *Secret           `yaml:"login"`
		Doors []Door            `yaml:"doors"`
		Keys  map[string]Secret `yaml:"keys"`
		Wings [2][]Secret       `yaml:"wings"`
		Hall  room              `yaml:"hall"`
		Port  int               `yaml:"port"`
		Left  Secret            `yaml:"-"`
		notes Secret            //nolint:unused // not of the configuration
	}
	got := Plugin{DefaultConfig: func() any { return &house{} }}.secrets()
	if want := []string{"login", "doors.*.code", "keys.*", "wings.*.*", "hall.code"}; !slices.Equal(got, want) {
		t.Errorf("secrets %q, want %q", got, want)
	}
}
