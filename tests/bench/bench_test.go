package bench

import (
	"testing"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

func TestFigure(t *testing.T) {
	if f := figure("x", "ms", []float64{4, 1, 3, 2}); f.N != 4 || f.Min != 1 || f.Median != 2.5 || f.Max != 4 {
		t.Errorf("%+v", f)
	}
	if f := figure("x", "ms", []float64{5, 1, 3}); f.Median != 3 {
		t.Errorf("%+v", f)
	}
	if f := figure("x", "ms", nil); f.N != 0 {
		t.Errorf("%+v", f)
	}
}

func TestHandover(t *testing.T) {
	const ms = time.Millisecond
	samples := []lab.ProbeSample{
		{Start: 1 * ms, End: 2 * ms, Node: "beta"}, // an earlier life
		{Start: 100 * ms, End: 102 * ms, Node: "alpha"},
		{Start: 104 * ms, End: 108 * ms, Node: "alpha"}, // on its way when the power went
		{Start: 505 * ms, End: 506 * ms, Node: "beta"},
		{Start: 300 * ms, End: 499 * ms, Node: "beta"}, // waited for, logged later
	}
	last, first, ok := handover(samples, "alpha", 105*ms)
	if !ok || last.End != 108*ms || first.End != 499*ms {
		t.Errorf("last %v first %v ok %v", last, first, ok)
	}
	if _, _, ok := handover(samples[:3], "alpha", 105*ms); ok {
		t.Error("found an answer where there is none")
	}
}
