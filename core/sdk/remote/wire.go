package remote

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdkpb"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// Every answer is checked here: a plugin in another language, or one whose memory
// went bad, may send anything.

func statusIn(s sdkpb.Status) (sdk.Status, error) {
	if s < sdkpb.Status_STATUS_UNKNOWN || s > sdkpb.Status_STATUS_DOWN {
		return sdk.Unknown, fmt.Errorf("%w: status %d", ErrGarbage, int(s))
	}
	return sdk.Status(s), nil
}

func powerIn(p sdkpb.Power) (sdk.Power, error) {
	if p < sdkpb.Power_POWER_UNKNOWN || p > sdkpb.Power_POWER_OFF {
		return sdk.PowerUnknown, fmt.Errorf("%w: power %d", ErrGarbage, int(p))
	}
	return sdk.Power(p), nil
}

func valuesIn(values map[string]float64) error {
	for name, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: %s is no number", ErrGarbage, name)
		}
	}
	return nil
}

// takenIn checks a time stamp: it lies neither before the boot nor in the future.
func takenIn(taken int64) (time.Duration, error) {
	if t := time.Duration(taken); t >= 0 && t <= sdk.Monotonic() {
		return t, nil
	}
	return 0, fmt.Errorf("%w: a time in the future or before the boot", ErrGarbage)
}

// maxSaid is the most that one text of an answer says, in bytes.
const maxSaid = 4096

// said is a text of an answer as one line of bounded length. It may hold a device's or a
// server's own words, and goes to terminals and journals: a line break or an escape
// sequence in it would look like, or do, what nobody said.
func said(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, spoken.Brief(text, maxSaid))
}

func textError(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(said(text))
}

func resultIn(r *sdkpb.ProbeReply) (sdk.Result, error) {
	if err := textError(r.GetError()); err != nil {
		return sdk.Result{}, err
	}
	status, err := statusIn(r.GetStatus())
	if err = errors.Join(err, valuesIn(r.GetValues())); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Result{Status: status, Message: said(r.GetMessage()), Values: r.GetValues()}, nil
}

func stateIn(r *sdkpb.State) (sdk.State, error) {
	if err := textError(r.GetError()); err != nil {
		return sdk.State{}, err
	}
	status, err := statusIn(r.GetStatus())
	if err = errors.Join(err, valuesIn(r.GetValues())); err != nil {
		return sdk.State{}, err
	}
	if r.GetPid() < 0 || r.GetPid() > math.MaxInt32 {
		return sdk.State{}, fmt.Errorf("%w: process %d", ErrGarbage, r.GetPid())
	}
	return sdk.State{
		Running: r.GetRunning(), Promoted: r.GetPromoted(), Status: status,
		Message: said(r.GetMessage()), PID: int(r.GetPid()), Values: r.GetValues(),
	}, nil
}

// readingIn keeps what was read beside an error, except an "off" that cannot be trusted.
func readingIn(r *sdkpb.Reading) (sdk.Reading, error) {
	power, err := powerIn(r.GetPower())
	taken, takenErr := takenIn(r.GetTaken())
	conditions, conditionErr := conditionsIn(r.GetConditions())
	if err = errors.Join(err, takenErr, valuesIn(r.GetValues()), conditionErr); err != nil {
		return sdk.Reading{}, err
	}
	reading := sdk.Reading{Power: power, Taken: taken, Message: said(r.GetMessage()), Values: r.GetValues(), Conditions: conditions}
	return reading, textError(r.GetError())
}

// conditionKey is what an alarm may be raised under.
var conditionKey = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// maxConditions is far more than any device has to say at once.
const maxConditions = 32

func conditionsIn(conditions []*sdkpb.Condition) ([]sdk.Condition, error) {
	if len(conditions) > maxConditions {
		return nil, fmt.Errorf("%w: %d conditions", ErrGarbage, len(conditions))
	}
	var out []sdk.Condition
	for _, c := range conditions {
		if !conditionKey.MatchString(c.GetKey()) {
			return nil, fmt.Errorf("%w: a condition %q", ErrGarbage, c.GetKey())
		}
		out = append(out, sdk.Condition{Key: c.GetKey(), Message: said(c.GetMessage())})
	}
	return out, nil
}

// maxOrderLife is far more than any device needs, and leaves room for sums.
const maxOrderLife = time.Hour

func deviceIn(r *sdkpb.Device) (sdk.Device, error) {
	if err := textError(r.GetError()); err != nil {
		return sdk.Device{}, err
	}
	life := time.Duration(r.GetOrderLife())
	if life < 0 || life > maxOrderLife {
		return sdk.Device{}, fmt.Errorf("%w: an order life of %v", ErrGarbage, life)
	}
	return sdk.Device{Kind: said(r.GetKind()), OrderLife: life, TimedOff: r.GetTimedOff()}, nil
}

func linkStateIn(r *sdkpb.LinkState) (sdk.LinkState, error) {
	status, err := statusIn(r.GetStatus())
	carrier, carrierErr := powerIn(r.GetCarrier())
	taken, takenErr := takenIn(r.GetTaken())
	return sdk.LinkState{
		Status: status, Carrier: carrier, Message: said(r.GetMessage()), Taken: taken, Foreign: r.GetForeign(),
	}, errors.Join(err, carrierErr, takenErr)
}

func parameterIn(r *sdkpb.Parameter) sdk.Parameter {
	return sdk.Parameter{
		Name: r.GetName(), Description: r.GetDescription(), Unit: r.GetUnit(), Value: r.GetValue(),
		Min: r.GetMin(), Max: r.GetMax(), Restart: r.GetRestart(),
	}
}

func evidenceIn(r *sdkpb.EvidenceReply) ([]sdk.Item, error) {
	items := make([]sdk.Item, 0, len(r.GetItems()))
	for _, item := range r.GetItems() {
		if err := valuesIn(item.GetValues()); err != nil {
			return nil, err
		}
		items = append(items, sdk.Item{Name: item.GetName(), Text: item.GetText(), Values: item.GetValues()})
	}
	return items, textError(r.GetError())
}

func rolesIn(r *sdkpb.Roles) sdk.Roles {
	return sdk.Roles{
		Prober: r.GetProber(), Resource: r.GetResource(), Promoter: r.GetPromoter(), Fencer: r.GetFencer(), Sleeper: r.GetSleeper(),
		Link: r.GetLink(), Tuner: r.GetTuner(), Evidence: r.GetEvidence(),
	}
}

func faultsIn(faults []*sdkpb.Fault) error {
	all := make([]error, 0, len(faults))
	for _, f := range faults {
		all = append(all, &sdk.ConfigError{
			Line: int(f.GetLine()), Column: int(f.GetColumn()), Path: f.GetPath(), Message: f.GetMessage(),
		})
	}
	return errors.Join(all...)
}
