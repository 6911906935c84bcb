package failover

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

// An image is the whole machine as one line of text, between two calls of Decide: a
// replay that begins with it goes on as the machine did. It is made from the types
// themselves, so that no field can be forgotten: structs as JSON objects without
// their zero fields, the rest as JSON has it.
const imageWord = "machine"

// Image is the machine as one line, "machine {...}"; ParseImage reads it.
func (m *Machine) Image() string {
	whole := *m
	whole.plan = Plan{} // Decide begins another
	return string(appendImage([]byte(imageWord+" "), reflect.ValueOf(&whole).Elem()))
}

// ParseImage makes the machine of an image. One of a version with other fields is
// refused: what it does not know cannot be replayed.
func ParseImage(line string) (*Machine, error) {
	text, ok := strings.CutPrefix(line, imageWord+" ")
	if !ok {
		return nil, fmt.Errorf("%.20q: want a line that begins with %q", line, imageWord)
	}
	read := json.NewDecoder(strings.NewReader(text))
	read.UseNumber()
	var all any
	if err := read.Decode(&all); err != nil {
		return nil, fmt.Errorf("read machine: %w", err)
	}
	m := &Machine{}
	if err := setImage(reflect.ValueOf(m).Elem(), all); err != nil {
		return nil, fmt.Errorf("read machine: %w", err)
	}
	return m, nil
}

// appendImage writes a value of the kinds that a machine is made of.
func appendImage(to []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Struct:
		return appendFields(to, v)
	case reflect.Slice:
		to = append(to, '[')
		for i := range v.Len() {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendImage(to, v.Index(i))
		}
		return append(to, ']')
	case reflect.Bool:
		return strconv.AppendBool(to, v.Bool())
	case reflect.String:
		text, _ := json.Marshal(v.String()) // a string never fails
		return append(to, text...)
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(to, v.Int(), 10)
	default:
		return strconv.AppendUint(to, v.Uint(), 10)
	}
}

func appendFields(to []byte, v reflect.Value) []byte {
	to = append(to, '{')
	first := true
	for i := range v.NumField() {
		field := v.Field(i)
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(append(append(to, '"'), v.Type().Field(i).Name...), '"', ':')
		to = appendImage(to, field)
	}
	return append(to, '}')
}

// setImage gives a value what was read.
func setImage(v reflect.Value, read any) error {
	switch read := read.(type) {
	case map[string]any:
		return setFields(v, read)
	case []any:
		if v.Kind() != reflect.Slice {
			return fmt.Errorf("a list for %s", v.Type())
		}
		v.Set(reflect.MakeSlice(v.Type(), len(read), len(read)))
		for i := range read {
			if err := setImage(v.Index(i), read[i]); err != nil {
				return err
			}
		}
		return nil
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(read)
			return nil
		}
	case string:
		if v.Kind() == reflect.String {
			v.SetString(read)
			return nil
		}
	case json.Number:
		return setNumber(v, read.String())
	}
	return fmt.Errorf("%v for %s", read, v.Type())
}

func setFields(v reflect.Value, read map[string]any) error {
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("fields for %s", v.Type())
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		value, ok := read[name]
		if !ok {
			continue
		}
		delete(read, name)
		field := v.Field(i)
		field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem() //nolint:gosec // reflection does not set what is not exported
		if err := setImage(field, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range read {
		return fmt.Errorf("%s has no %q: the record is another version's", v.Type(), name)
	}
	return nil
}

func setNumber(v reflect.Value, text string) error {
	switch {
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err == nil {
			v.SetInt(n)
		}
		return err
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err == nil {
			v.SetUint(n)
		}
		return err
	}
	return fmt.Errorf("%s for %s", text, v.Type())
}
