package serial

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// deframed collects what a stream holds.
func deframed(d *deframer, stream []byte) (beats [][]byte, damaged int) {
	d.feed(stream, func(b []byte) { beats = append(beats, bytes.Clone(b)) }, func() { damaged++ })
	return beats, damaged
}

// The paper's own cases and the edges of a block of 254 bytes.
func TestStuffing(t *testing.T) {
	sequence := func(from, to int) []byte {
		var out []byte
		for i := from; i <= to; i++ {
			out = append(out, byte(i))
		}
		return out
	}
	for _, c := range []struct{ plain, stuffed []byte }{
		{nil, []byte{1}},
		{[]byte{0}, []byte{1, 1}},
		{[]byte{0, 0}, []byte{1, 1, 1}},
		{[]byte{0x45, 0, 0x2c, 0x4c, 0, 0x79}, []byte{2, 0x45, 3, 0x2c, 0x4c, 2, 0x79}},
		{sequence(1, 254), append([]byte{255}, sequence(1, 254)...)},
		{sequence(1, 255), slices.Concat([]byte{255}, sequence(1, 254), []byte{2, 255})},
		{append(sequence(1, 254), 0), slices.Concat([]byte{255}, sequence(1, 254), []byte{1, 1})},
		{append([]byte{0}, sequence(1, 254)...), slices.Concat([]byte{1, 255}, sequence(1, 254))},
	} {
		stuffed := stuff(nil, c.plain)
		if !bytes.Equal(stuffed, c.stuffed) {
			t.Errorf("%x stuffed: %x, want %x", c.plain, stuffed, c.stuffed)
		}
		if plain, ok := unstuff(stuffed); !ok || !bytes.Equal(plain, c.plain) {
			t.Errorf("%x unstuffed: %x %v, want %x", c.stuffed, plain, ok, c.plain)
		}
	}
}

func TestFramesArriveInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var want [][]byte
	var stream []byte
	for n := range 200 {
		beat := make([]byte, n*maxBeat/199)
		for i := range beat {
			beat[i] = byte(rng.IntN(4)) // many zeros
		}
		want = append(want, beat)
		frame := appendFrame(nil, beat)
		if inner := frame[1 : len(frame)-1]; bytes.IndexByte(inner, delimiter) >= 0 || len(inner) > maxStuffed {
			t.Fatalf("frame of %d bytes: %d stuffed, or a zero inside", len(beat), len(inner))
		}
		stream = append(stream, frame...)
	}
	var d deframer
	var got [][]byte
	for len(stream) > 0 {
		n := min(len(stream), 1+rng.IntN(100))
		beats, damaged := deframed(&d, stream[:n])
		if damaged != 0 {
			t.Fatalf("%d damaged", damaged)
		}
		got = append(got, beats...)
		stream = stream[n:]
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d of %d arrived, or they differ", len(got), len(want))
	}
}

// Whatever comes before, in between and instead: the next whole frame is found.
func TestSynchronisesItself(t *testing.T) {
	one, two := appendFrame(nil, []byte("one")), appendFrame(nil, []byte("two"))
	noise := bytes.Repeat([]byte{0x5a}, 5*maxStuffed)
	for name, c := range map[string]struct {
		stream  []byte
		damaged int
	}{
		"nothing":                 {nil, 0},
		"an idle line":            {make([]byte, 100), 0},
		"the end of a frame":      {one[3:], 1},
		"the start of a frame":    {one[:4], 1},
		"noise without an end":    {noise, 1},
		"noise as long as it can": {noise[:maxStuffed], 1},
		"one byte too many":       {slices.Concat([]byte{0}, noise[:maxStuffed+1], []byte{0}), 1},
		"a frame in a frame":      {slices.Concat(one[:4], one[:5]), 2},
		"two, their end lost":     {slices.Concat(one[:len(one)-1], one[1:]), 1},
	} {
		beats, damaged := deframed(&deframer{}, slices.Concat(c.stream, two))
		if len(beats) != 1 || string(beats[0]) != "two" || damaged != c.damaged {
			t.Errorf("%s: beats %q, %d damaged, want %d", name, beats, damaged, c.damaged)
		}
	}
}

func TestEveryChangedBitIsFound(t *testing.T) {
	beat := []byte("a beat\x00 of some\x00\x00 length")
	frame := appendFrame(nil, beat)
	for i := range len(frame) * 8 {
		bad := bytes.Clone(frame)
		bad[i/8] ^= 1 << (i % 8)
		beats, _ := deframed(&deframer{}, bad)
		if first, last := i/8 == 0, i/8 == len(frame)-1; first || last {
			continue // a delimiter: the frame is lost or arrives whole
		}
		if len(beats) != 0 {
			t.Errorf("bit %d: %q", i, beats)
		}
	}
}

// FuzzDeframer: no stream makes it panic, grow, or deliver what was not sent; and
// after it a frame arrives.
func FuzzDeframer(f *testing.F) {
	f.Add([]byte(nil), 1)
	f.Add(appendFrame(nil, []byte("beat")), 3)
	f.Add(bytes.Repeat([]byte{0xff}, 2*maxStuffed), 100)
	f.Add([]byte{0, 3, 0, 2, 1, 1, 0}, 2)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		piece = max(1, min(piece, len(stream)))
		var d deframer
		for part := range slices.Chunk(stream, piece) {
			d.feed(part, func(beat []byte) {
				if len(beat) > maxBeat || !bytes.Contains(stream, appendFrame(nil, beat)[1:]) {
					t.Errorf("%x came out of %x", beat, stream)
				}
			}, func() {})
			if len(d.stuffed) > maxStuffed {
				t.Fatalf("holds %d bytes", len(d.stuffed))
			}
		}
		beats, _ := deframed(&d, appendFrame(nil, []byte("after")))
		if len(beats) == 0 || string(beats[len(beats)-1]) != "after" {
			t.Errorf("after %x: %q", stream, beats)
		}
	})
}
