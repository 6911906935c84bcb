package beat

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write the golden bytes anew")

var (
	alpha = Codec{Cluster: "s0001", Node: "alpha", Key: bytes.Repeat([]byte{7}, 32)}
	beta  = Codec{Cluster: "s0001", Node: "beta", Key: alpha.Key}
)

// sample has every field set to something that no other field holds.
func sample() Beat {
	return Beat{
		Cluster: "s0001", Node: "alpha", Incarnation: 0xfeed, KernelBoot: "3f9c", Sequence: 12, Wall: 1700000000000000000, Sent: 3 * time.Second,
		Generation: 6, LastActive: 5, Role: Active, Ready: true, InSync: true, Alone: true, CutMe: true, Ordering: true, Removed: true, Drill: true, Blocked: true, GivingFor: 7 * time.Second, CountsFor: 8 * time.Millisecond,
		PingGroup: Yes, SilentFor: time.Millisecond, Grace: time.Minute, Interval: 50 * time.Millisecond, Deadtime: 200 * time.Millisecond,
		OrderLives: []time.Duration{500 * time.Millisecond, time.Second}, PeerLives: []time.Duration{2 * time.Second}, Digest: 99, Grant: Grant{7, 0xbeef}, Refused: Grant{8, 0xabba},
		Echoes: []Echo{{"cable", 0xbeef, 33, 2 * time.Second, 9 * time.Millisecond}, {"lan", 0xbeef, 32, time.Second, 0}},
		Layers: []Layer{{"db", OK}, {"web", Down}},
		Modes:  Modes{4, []Mode{{ModeStandby, "beta", time.Hour}, {Unmanaged, "db", 0}}},
	}
}

func TestEveryFieldSurvivesTheWire(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := beta.Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Error(diff)
	}
}

// The golden bytes guard the wire form: nodes of two versions run side by side during an upgrade.
func TestWireFormIsStable(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	got := []byte(hex.EncodeToString(wire) + "\n")
	if *rewrite {
		if err := os.WriteFile("testdata/beat-v2.hex", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/beat-v2.hex")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("wire form changed without a new version:\n%s%s", got, want)
	}
}

func TestEveryChangedBitIsForged(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(wire) * 8 {
		bad := bytes.Clone(wire)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := beta.Decode(bad); !errors.Is(err, ErrForged) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for i := range wire {
		if _, err := beta.Decode(wire[:i]); !errors.Is(err, ErrForged) {
			t.Fatalf("first %d bytes: %v", i, err)
		}
	}
}

func TestForeignBeats(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	other := Codec{Cluster: "s0002", Node: "beta", Key: alpha.Key}
	for name, c := range map[string]Codec{"own beat": alpha, "other cluster": other} {
		if _, err := c.Decode(wire); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrongKey := Codec{Cluster: "s0001", Node: "beta", Key: bytes.Repeat([]byte{8}, 32)}
	if _, err := wrongKey.Decode(wire); !errors.Is(err, ErrForged) {
		t.Errorf("wrong key: %v", err)
	}
}

// TestAnotherVersionIsTheSendersAndSaysNothingElse: whatever follows the sender's name.
func TestAnotherVersionIsTheSendersAndSaysNothingElse(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Clone(wire[:len(wire)-macSize])
	body[0]++
	short := append([]byte{Version + 1, 5}, "s0001\x05alpha"...)
	for _, body := range [][]byte{body, short} {
		var other OtherVersion
		if b, err := beta.Decode(append(body, beta.mac(body)...)); !errors.As(err, &other) || other.Version != Version+1 || b.Node != "" {
			t.Errorf("%v, %v", b, err)
		}
		if _, err := alpha.Decode(append(body, beta.mac(body)...)); !errors.Is(err, ErrForeign) {
			t.Error("own beat of another version:", err)
		}
	}
	if _, err := beta.Decode(append(short[:4], beta.mac(short[:4])...)); !errors.Is(err, ErrForged) {
		t.Error("beat of nobody:", err)
	}
}

// TestFieldsOfANewerVersionArePassedOver: nodes of two versions hear each other.
func TestFieldsOfANewerVersionArePassedOver(t *testing.T) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	body := append(bytes.Clone(wire[:len(wire)-macSize]), 1, 2, 3)
	got, err := beta.Decode(append(body, beta.mac(body)...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Error(diff)
	}
}

// TestFieldsThatAnOlderVersionLacksAreZero: its beat is of before GivingFor, CountsFor, Drill and Blocked.
func TestFieldsThatAnOlderVersionLacksAreZero(t *testing.T) {
	text, err := os.ReadFile("testdata/beat-v2-first.hex")
	if err != nil {
		t.Fatal(err)
	}
	wire, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := beta.Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Drill, want.Blocked, want.GivingFor, want.CountsFor = false, false, 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyLayersAreLeftOut(t *testing.T) {
	b := sample()
	for i := range 40 {
		b.Layers = append(b.Layers, Layer{Name: string(bytes.Repeat([]byte{'a' + byte(i%26)}, 30)), Health: OK})
	}
	wire, err := alpha.Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := beta.Decode(wire)
	if err != nil {
		t.Fatal(err)
	}
	if len(wire) > MaxSize || len(got.Layers) < 10 || len(got.Layers) >= len(b.Layers) {
		t.Errorf("%d bytes with %d layers", len(wire), len(got.Layers))
	}
	if diff := cmp.Diff(b.Layers[:len(got.Layers)], got.Layers); diff != "" {
		t.Error(diff)
	}
}

// FuzzDecode signs arbitrary bodies, so that the parser behind the MAC is what gets the bytes.
func FuzzDecode(f *testing.F) {
	wire, err := alpha.Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire[:len(wire)-macSize])
	f.Add([]byte{Version})
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := beta.Decode(body); err == nil {
			t.Fatal("accepted without a MAC")
		}
		b, err := beta.Decode(append(bytes.Clone(body), beta.mac(body)...))
		if err != nil {
			return
		}
		again, err := Codec{Cluster: b.Cluster, Node: b.Node, Key: alpha.Key}.Encode(b)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		back, err := beta.Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, back); diff != "" {
			t.Error(diff)
		}
	})
}
