package sdk

import (
	"reflect"
	"slices"
)

// secrets are the plugin's settings of type Secret: keys joined by ".", with "*" for each
// item of a list and each key of a map.
func (p Plugin) secrets() []string {
	var found secretPaths
	found.of(reflect.TypeOf(p.DefaultConfig()), "", nil)
	return found
}

type secretPaths []string

// of adds those of one type; within are the structs around it, for one can hold itself.
func (s *secretPaths) of(t reflect.Type, path string, within []reflect.Type) {
	switch {
	case t == reflect.TypeFor[Secret]():
		*s = append(*s, path)
	case t.Kind() == reflect.Pointer:
		s.of(t.Elem(), path, within)
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		s.of(t.Elem(), under(path, "*"), within)
	case t.Kind() == reflect.Struct && !slices.Contains(within, t):
		for _, field := range reflect.VisibleFields(t) {
			if key := keyOf(field); key != "" {
				s.of(field.Type, under(path, key), append(within, t))
			}
		}
	}
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
