package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/storeward/storeward/core/sdk"
)

// TestPrintingTellsNoSecret: of no part of a configuration, with a secret in each place
// that can hold one, by no verb and no encoding.
func TestPrintingTellsNoSecret(t *testing.T) {
	var cfg Config
	planted := map[reflect.Type]int{}
	plant(t, reflect.ValueOf(&cfg).Elem(), planted)
	for _, kind := range []reflect.Type{
		reflect.TypeFor[Secret](), reflect.TypeFor[URL](), reflect.TypeFor[Command](), reflect.TypeFor[Section](),
	} {
		if planted[kind] == 0 {
			t.Errorf("no secret was planted in a %s", kind)
		}
	}
	eachPart(reflect.ValueOf(&cfg), func(v reflect.Value) { untold(t, v.Interface()) })
	for _, use := range cfg.Uses() {
		untold(t, use)
	}
	untold(t, cfg.Settings(nil))
	untold(t, Diff(&cfg, Default()))
}

// plant fills a value: with a secret whatever can hold one.
func plant(t *testing.T, v reflect.Value, planted map[reflect.Type]int) {
	t.Helper()
	planted[v.Type()]++
	switch held := v.Addr().Interface().(type) {
	case *Secret:
		*held = sdk.NewSecret("HUSH")
	case *URL:
		*held = "http://a:HUSH@h/"
	case *Command:
		*held = Command{"down", "--token", "HUSH", "--pin=HUSH"}
	case *Section:
		section, err := NewSection("# HUSH\npassword: &p HUSH\nalpha:\n  tokens: [HUSH] # HUSH\n", "alpha")
		if err != nil {
			t.Fatal(err)
		}
		*held = section
	default:
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					plant(t, v.Field(i), planted)
				}
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			plant(t, v.Index(0), planted)
			plant(t, v.Index(1), planted)
		case reflect.String:
			v.SetString("plain")
		case reflect.Bool:
			v.SetBool(true)
		default:
			v.SetInt(1)
		}
	}
}

// eachPart goes through a value and all that is exported within it, by value and by pointer.
func eachPart(v reflect.Value, do func(reflect.Value)) {
	do(v)
	if _, hides := v.Interface().(fmt.Formatter); hides { // its parts are plain texts
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		eachPart(v.Elem(), do)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachPart(v.Field(i).Addr(), do)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachPart(v.Index(i).Addr(), do)
		}
	default:
	}
}

func untold(t *testing.T, v any) {
	t.Helper()
	out := fmt.Sprint(v) + fmt.Sprintf("%v %+v %#v %s %q %x %X %d %T", v, v, v, v, v, v, v, v, v)
	for _, encode := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		text, err := encode(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
		}
		out += string(text)
	}
	if strings.Contains(out, "HUSH") || strings.Contains(strings.ToUpper(out), fmt.Sprintf("%X", "HUSH")) {
		t.Errorf("a %T prints as\n%s", v, out)
	}
}
