package fenceagent

import (
	"testing"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	f, silent := newFake(t), newFake(t)
	silent.is("hangs", sdk.PowerOn)
	sdktest.Run(t, sdktest.Case{
		Plugin: New(), Config: f.section(""), BlackHole: silent.section(""),
		Fence: &sdktest.Fence{
			Output: func(on bool) {
				f.write("state", map[bool]string{true: "on", false: "off"}[on], 0o644)
			},
			Obey:   func(obey bool) { f.write("mood", map[bool]string{true: "well", false: "lies"}[obey], 0o644) },
			Answer: func(answer bool) { f.write("mood", map[bool]string{true: "well", false: "hangs"}[answer], 0o644) },
			Orders: f.orders,
		},
	})
}
