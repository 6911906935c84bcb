// Package conform holds what every plugin must keep, for whoever judges one: the harness
// sdktest in an author's tests, storewardctl plugin check on a node. It only asks what
// changes nothing.
package conform

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/storeward/storeward/core/sdk"
)

var nameShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Description tells what is wrong with how a plugin introduces itself.
func Description(name, version, summary string) error {
	var faults []error
	if !nameShape.MatchString(name) {
		faults = append(faults, fmt.Errorf("name %q: want lower case letters, digits and dashes", name))
	}
	if version == "" {
		faults = append(faults, errors.New("version is empty"))
	}
	if summary == "" || strings.Contains(summary, "\n") {
		faults = append(faults, fmt.Errorf("summary %q: want one sentence", summary))
	}
	return errors.Join(faults...)
}

// BadSection is a configuration that a plugin must refuse.
type BadSection struct{ Name, Text string }

// BadSections are made of a good one, or of none.
func BadSections(good string) []BadSection {
	return []BadSection{
		{"an unknown key", good + "\nno_such_key_exists: 1\n"},
		{"a list", "[1, 2]"},
		{"broken YAML", "a: ["},
	}
}

// Refusal tells what is wrong with a plugin's answer to a bad section.
func Refusal(err error) error {
	var fault *sdk.ConfigError
	if !errors.As(err, &fault) || fault.Line == 0 {
		return fmt.Errorf("want an error with line and column, got %v", err) //nolint:errorlint // shown, not handled
	}
	return nil
}

// Asked is an open instance as it can be asked.
type Asked interface {
	Roles() sdk.Roles
	Probe(ctx context.Context) (sdk.Result, error)
	Monitor(ctx context.Context) (sdk.State, error)
	Describe(ctx context.Context) (sdk.Device, error)
	Status(ctx context.Context) (sdk.Reading, error)
	Parameters(ctx context.Context) ([]sdk.Parameter, error)
	Evidence(ctx context.Context) ([]sdk.Item, error)
}

// Call is one question. Its error says what is wrong with the answer, or that there was none.
type Call struct {
	Name string
	Ask  func(context.Context) error
}

// Calls lists the questions that change nothing, by the roles the instance offers.
func Calls(i Asked) []Call {
	var list []Call
	add := func(offered bool, name string, ask func(context.Context) error) {
		if offered {
			list = append(list, Call{name, ask})
		}
	}
	roles := i.Roles()
	add(roles.Prober, "probe", func(ctx context.Context) error {
		result, err := i.Probe(ctx)
		if err == nil && result.Message == "" {
			return errors.New("probe: no message for the operator")
		}
		return err
	})
	add(roles.Resource, "monitor", func(ctx context.Context) error {
		_, err := i.Monitor(ctx)
		return err
	})
	add(roles.Fencer, "describe", func(ctx context.Context) error {
		device, err := i.Describe(ctx)
		if err == nil && device.Kind == "" {
			return errors.New("describe: no kind")
		}
		return err
	})
	add(roles.Fencer, "power status", func(ctx context.Context) error {
		before := sdk.Monotonic()
		reading, err := i.Status(ctx)
		if err == nil && reading.Power != sdk.PowerUnknown && reading.Taken < before {
			return fmt.Errorf("power status: taken at %v, before the question at %v", reading.Taken, before)
		}
		return err
	})
	add(roles.Tuner, "parameters", func(ctx context.Context) error {
		_, err := i.Parameters(ctx)
		return err
	})
	add(roles.Evidence, "evidence", func(ctx context.Context) error {
		items, err := i.Evidence(ctx)
		for _, item := range items {
			if item.Name == "" {
				return errors.New("evidence: an item without a name")
			}
		}
		return err
	})
	return list
}
