package sdk

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
)

// OpenToOthers returns the mode of a file, and whether its group or everybody has any
// right to it: who may write what keeps a secret knows it too. What is not there, or is
// no regular file, is not judged.
func OpenToOthers(file string) (mode fs.FileMode, open bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	mode = info.Mode().Perm()
	return mode, mode&0o077 != 0
}

// Exposed is an error where the secret stands in a file that others than its owner may
// read or write. A credential is guarded by the service manager.
func (s Secret) Exposed() error {
	if mode, open := OpenToOthers(s.file); open {
		return fmt.Errorf("%s has mode %04o and is open to others: chmod 600 %s", s.file, mode, s.file)
	}
	return nil
}

// exposed finds the exposed secrets of a configuration, however deep, each with its path.
func exposed(path string, v reflect.Value) []error {
	if v.IsValid() && v.Type() == reflect.TypeFor[Secret]() {
		if err := v.Interface().(Secret).Exposed(); err != nil {
			return []error{fmt.Errorf("%s: %w", path, err)}
		}
		return nil
	}
	var faults []error
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return exposed(path, v.Elem())
		}
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(v.Type()) {
			if key := keyOf(field); key != "" {
				if value, err := v.FieldByIndexErr(field.Index); err == nil { // else it is in a struct that is not there
					faults = append(faults, exposed(strings.TrimPrefix(path+"."+key, "."), value)...)
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			faults = append(faults, exposed(fmt.Sprintf("%s[%d]", path, i), v.Index(i))...)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, key := range keys {
			faults = append(faults, exposed(fmt.Sprintf("%s.%v", path, key), v.MapIndex(key))...)
		}
	default:
	}
	return faults
}
