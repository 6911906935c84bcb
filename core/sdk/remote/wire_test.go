package remote

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// TestWhatAPluginSaysIsALine, whatever the server or device that it quotes has put into it.
func TestWhatAPluginSaysIsALine(t *testing.T) {
	const wild = "refused\n  CRITICAL all is lost\r\x1b[2J\x1b]0;title\x07\u009b1m\x00"
	result, err := resultIn(&sdkpb.ProbeReply{Message: wild})
	if err != nil {
		t.Fatal(err)
	}
	state, err := stateIn(&sdkpb.State{Message: wild})
	if err != nil {
		t.Fatal(err)
	}
	reading, refused := readingIn(&sdkpb.Reading{Message: wild, Error: wild, Conditions: []*sdkpb.Condition{{Key: "odd", Message: wild}}})
	device, err := deviceIn(&sdkpb.Device{Kind: wild})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{result.Message, state.Message, reading.Message, reading.Conditions[0].Message, refused.Error(), device.Kind} {
		if text != "refused   CRITICAL all is lost  [2J ]0;title  1m " {
			t.Errorf("said %q", text)
		}
	}
	if text := said(strings.Repeat("ä", 4<<20)); len(text) > maxSaid+3 || !utf8.ValidString(text) {
		t.Errorf("%d bytes said", len(text))
	}
}

func TestOrderLifeIsATime(t *testing.T) {
	for life, ok := range map[time.Duration]bool{0: true, 21 * time.Minute: true, time.Hour: true, -1: false, time.Hour + 1: false, math.MaxInt64: false} {
		device, err := deviceIn(&sdkpb.Device{OrderLife: int64(life)})
		if ok != (err == nil) || ok && device.OrderLife != life || !ok && !errors.Is(err, ErrGarbage) {
			t.Errorf("%v: %v, %v", life, device.OrderLife, err)
		}
	}
}
