package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write puts the outcome between its marks in the README, and the plot beside it.
func (r *outcome) write(folder, machine string) error {
	path := filepath.Join(folder, "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parts := []string{machine + ".\n"}
	if r.plot != "" {
		if err := os.WriteFile(filepath.Join(folder, r.name+".svg"), []byte(r.plot), 0o644); err != nil {
			return err
		}
		parts = append(parts, fmt.Sprintf("![%s](%s.svg)\n", r.tables[0].title, r.name))
	}
	for _, t := range r.tables {
		parts = append(parts, t.markdown())
	}
	text, err := between(string(readme), r.name, strings.Join(parts, "\n"))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// between replaces what stands between the marks of a name.
func between(text, name, fresh string) (string, error) {
	begin, end := "<!-- "+name+": written by -write -->\n", "<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("it has no marks %q and %q", strings.TrimSpace(begin), end)
	}
	return before + begin + fresh + end + after, nil
}
