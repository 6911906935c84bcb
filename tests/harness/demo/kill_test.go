package demo

import (
	"strings"
	"testing"

	"github.com/storeward/storeward/tests/lab"
)

// TestAdviceWhereNobodyServes: what is said fits what keeps the store unserved.
func TestAdviceWhereNobodyServes(t *testing.T) {
	node := func(name string, pid int, ill bool) lab.NodeStatus {
		return lab.NodeStatus{ID: "s0001/" + name, PID: pid, UPSIll: ill}
	}
	for _, c := range []struct {
		name        string
		alpha, beta lab.NodeStatus
		want, never string
	}{
		{"both dark", node("alpha", 0, false), node("beta", 0, false), "power-on beta", "try again"},
		{"one dark, its UPS refuses", node("alpha", 0, true), node("beta", 7, false), "ups alpha well", "try again"},
		{"the survivor's own UPS is ill", node("alpha", 0, false), node("beta", 7, true), "try again", "ups"},
		{"a takeover under way", node("alpha", 0, false), node("beta", 7, false), "try again", "power-on"},
		{"both start", node("alpha", 6, false), node("beta", 7, false), "try again", "power-on"},
	} {
		got := advice([]lab.NodeStatus{c.alpha, c.beta})
		if !strings.Contains(got, c.want) || strings.Contains(got, c.never) {
			t.Errorf("%s: %q, want %q and no %q", c.name, got, c.want, c.never)
		}
	}
}

// TestOutlookOfACut: a takeover is promised only where nothing known stands against it.
func TestOutlookOfACut(t *testing.T) {
	alpha, dark, beta := lab.NodeStatus{ID: "s1/alpha", PID: 6}, lab.NodeStatus{ID: "s1/beta"}, lab.NodeStatus{ID: "s1/beta", PID: 7}
	ill := alpha
	ill.UPSIll = true
	for _, c := range []struct {
		cut, other lab.NodeStatus
		want       string
	}{
		{alpha, beta, "buy again"},
		{alpha, dark, "nobody takes over"},
		{ill, beta, "ups alpha well"},
	} {
		if got := outlook(c.cut, []lab.NodeStatus{c.cut, c.other}); !strings.Contains(got, c.want) {
			t.Errorf("%+v beside %+v: %q, want %q", c.cut, c.other, got, c.want)
		}
	}
}
