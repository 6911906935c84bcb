package report

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mend replaces what is no UTF-8 in every text of a message. Protobuf cannot
// write such a message at all, and one device with a name in Latin-1 would hold
// up everything that is reported after it.
func mend(m proto.Message) {
	if _, err := proto.Marshal(m); err != nil { // much cheaper than to look at each text
		mendText(m.ProtoReflect())
	}
}

func mendText(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			mendMap(f, v.Map())
		case f.IsList():
			list := v.List()
			for i := range list.Len() {
				if mended, changed := mendValue(f, list.Get(i)); changed {
					list.Set(i, mended)
				}
			}
		default:
			if mended, changed := mendValue(f, v); changed {
				m.Set(f, mended)
			}
		}
		return true
	})
}

func mendMap(f protoreflect.FieldDescriptor, entries protoreflect.Map) {
	type entry struct {
		key   protoreflect.MapKey
		value protoreflect.Value
	}
	var broken []protoreflect.MapKey
	var mended []entry
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		newKey, keyChanged := mendValue(f.MapKey(), k.Value())
		newValue, valueChanged := mendValue(f.MapValue(), v)
		if keyChanged || valueChanged {
			broken = append(broken, k)
			mended = append(mended, entry{newKey.MapKey(), newValue})
		}
		return true
	})
	for _, k := range broken {
		entries.Clear(k)
	}
	for _, e := range mended {
		entries.Set(e.key, e.value)
	}
}

// mendValue mends one value; a message is mended in place.
func mendValue(f protoreflect.FieldDescriptor, v protoreflect.Value) (protoreflect.Value, bool) {
	switch f.Kind() {
	case protoreflect.StringKind:
		if text := v.String(); !utf8.ValidString(text) {
			return protoreflect.ValueOfString(strings.ToValidUTF8(text, "\uFFFD")), true
		}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		mendText(v.Message())
	default:
	}
	return v, false
}
