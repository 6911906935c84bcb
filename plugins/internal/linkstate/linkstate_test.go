package linkstate

import (
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
)

func TestTeller(t *testing.T) {
	log, _ := test.NewNullLogger()
	teller := New(log)
	works := sdk.LinkState{Status: sdk.OK, Carrier: sdk.PowerOn, Message: "works", Taken: time.Second}
	teller.Tell(works) // to nobody
	var told []sdk.LinkState
	listen := func(s sdk.LinkState) { told = append(told, s) }
	expect := func(what string, want int) {
		t.Helper()
		if len(told) != want {
			t.Errorf("%s: told %d times: %+v", what, len(told), told)
		}
	}
	teller.Begin(listen)
	teller.Tell(works)
	expect("the first one", 1)
	later := works
	later.Taken = time.Minute
	teller.Tell(later)
	expect("the same, later", 1)
	for i, change := range []func(*sdk.LinkState){
		func(s *sdk.LinkState) { s.Foreign++ },
		func(s *sdk.LinkState) { s.Carrier = sdk.PowerOff },
		func(s *sdk.LinkState) { s.Message = "is pulled" },
		func(s *sdk.LinkState) { s.Status = sdk.Down },
	} {
		change(&later)
		teller.Tell(later)
		expect("a change", i+2)
	}
	if told[len(told)-1] != later {
		t.Errorf("told %+v, not %+v", told[len(told)-1], later)
	}
	teller.Begin(listen)
	teller.Tell(later)
	expect("another listener", 6)
}
