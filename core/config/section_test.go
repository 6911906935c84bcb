package config

import (
	"fmt"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// value draws anything that a plugin's section may hold.
func value(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 :#-{}[],&*!|>'\"%@`\\\n\té€=~?./")), 0, 12, -1).AsAny(),
		rapid.SampledFrom([]string{"true", "null", "~", "1", "0x1f", "1e3", "- a", "a: b", "# no", "yes", "10.0.0.1:694", "*/5 8-20 * * 1-6"}).AsAny(),
		rapid.IntRange(-1000, 100000).AsAny(),
		rapid.Bool().AsAny(),
		rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-999, 999).Draw(t, "n")) / 8 }).AsAny(),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	return rapid.OneOf(append(scalars,
		rapid.SliceOfN(value(depth-1), 0, 3).AsAny(),
		mapping(depth-1).AsAny(),
	)...)
}

func mapping(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.StringMatching(`[a-z][a-z_]{0,5}`), value(depth), 0, 4)
}

// Whatever a section holds, a plugin reads the same from it, with the node's own values over the common ones.
func TestForKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		common, alpha, beta := mapping(3).Draw(t, "common"), mapping(2).Draw(t, "alpha"), mapping(2).Draw(t, "beta")
		want := map[string]any{}
		for _, m := range []map[string]any{common, alpha} {
			for k, v := range m {
				want[k] = v
			}
		}
		whole := map[string]any{"NodeA": alpha, "NodeB": beta}
		for k, v := range common {
			whole[k] = v
		}
		text, err := yaml.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSection(string(text), "NodeA", "NodeB")
		if err != nil {
			t.Skip(err) // the library does not read back everything that it writes
		}
		var before map[string]any
		if err := yaml.Unmarshal(text, &before); err != nil || cmp.Diff(fmt.Sprint(whole), fmt.Sprint(before)) != "" {
			t.Skip("the library wrote something else")
		}
		var got map[string]any
		if err := yaml.Unmarshal(s.For("NodeA"), &got); err != nil {
			t.Fatalf("%v in\n%s\nfrom\n%s", err, s.For("NodeA"), text)
		}
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
			t.Fatalf("%s in\n%s\nfrom\n%s", diff, s.For("NodeA"), text)
		}
	})
}
