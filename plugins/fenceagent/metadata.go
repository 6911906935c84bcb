package fenceagent

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metadataBound ends a question for metadata.
const metadataBound = 5 * time.Second

// metadata is what an agent says of itself (ClusterLabs, Fence Agent API, "metadata").
type metadata struct {
	Name       string      `xml:"name,attr"`
	Summary    string      `xml:"shortdesc,attr"`
	Parameters []parameter `xml:"parameters>parameter"`
	Actions    []struct {
		Name string `xml:"name,attr"`
	} `xml:"actions>action"`
}

type parameter struct {
	Name       string `xml:"name,attr"`
	Required   string `xml:"required,attr"`
	Deprecated string `xml:"deprecated,attr"`
	Obsoletes  string `xml:"obsoletes,attr"`
	Content    struct {
		Type    string  `xml:"type,attr"`
		Default *string `xml:"default,attr"`
		Options []struct {
			Value string `xml:"value,attr"`
		} `xml:"option"`
	} `xml:"content"`
}

func parseMetadata(text string) (*metadata, error) {
	m := &metadata{}
	if err := xml.Unmarshal([]byte(text), m); err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	if len(m.Parameters) == 0 || len(m.Actions) == 0 {
		return nil, errors.New("read metadata: no parameters or no actions")
	}
	return m, nil
}

// metadata asks the agent what it is. No option is needed for it, and none is given.
func (a *agent) metadata(ctx context.Context) (*metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataBound)
	defer cancel()
	said, err := a.run(ctx, "action=metadata\n")
	switch {
	case err != nil:
		return nil, err
	case said.code != 0:
		return nil, fmt.Errorf("ask %s for metadata: %s", a.name, said)
	}
	m, err := parseMetadata(said.stdout)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.name, err)
	}
	return m, nil
}

// judge returns what the agent would refuse, or worse, pass over.
func (m *metadata) judge(c *Config) error {
	faults := []error{m.judgeActions(c.Agent)}
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		p := m.parameter(name)
		if p == nil {
			faults = append(faults, m.unknown(c.Agent, "options", name))
		} else if want := p.wants(c.Options[name]); want != "" {
			faults = append(faults, fmt.Errorf("options.%s: %q does not fit: want %s", name, c.Options[name], want))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		if m.parameter(name) == nil {
			faults = append(faults, m.unknown(c.Agent, "secrets", name))
		}
	}
	for _, p := range m.Parameters {
		if p.Required == "1" && p.Deprecated != "1" && reserved[p.Name] == "" && p.Content.Default == nil && !c.sets(p.Name) && !c.sets(p.Obsoletes) {
			faults = append(faults, fmt.Errorf("options.%s: is missing: %s requires it", p.Name, c.Agent))
		}
	}
	return errors.Join(faults...)
}

// judgeActions refuses an agent that does not switch power or cannot read it. One
// that cuts a node off from its storage or network ("fabric fencing") has off and
// status too, and no reboot: what it calls off leaves the node running.
func (m *metadata) judgeActions(agent string) error {
	for _, need := range []struct{ action, why string }{
		{"off", "nothing can be cut by it"},
		{"on", "no power can be given back by it"},
		{"status", "whether a node is off could not be read"},
		{"reboot", "it cuts a node off from something else than its power"},
	} {
		has := false
		for _, a := range m.Actions {
			has = has || a.Name == need.action
		}
		if !has {
			return fmt.Errorf("agent: %s has no action %s, and %s: use an agent for a power switch", agent, need.action, need.why)
		}
	}
	return nil
}

func (m *metadata) parameter(name string) *parameter {
	for i := range m.Parameters {
		if m.Parameters[i].Name == name {
			return &m.Parameters[i]
		}
	}
	return nil
}

func (m *metadata) unknown(agent, section, name string) error {
	var known []string
	for _, p := range m.Parameters {
		if p.Deprecated != "1" && reserved[p.Name] == "" {
			known = append(known, p.Name)
		}
	}
	slices.Sort(known)
	return fmt.Errorf("%s.%s: %s has no such option: it has %s", section, name, agent, strings.Join(known, ", "))
}

// sets tells whether the configuration gives the parameter a value.
func (c *Config) sets(name string) bool {
	_, option := c.Options[name]
	_, secret := c.Secrets[name]
	return option || secret
}

// wants says what would be right; "" where the value is.
func (p *parameter) wants(value string) string {
	switch p.Content.Type {
	case "integer", "second":
		if _, err := strconv.Atoi(value); err != nil {
			return "a whole number"
		}
	case "boolean":
		if !slices.Contains([]string{"1", "0", "yes", "no", "on", "off", "true", "false"}, strings.ToLower(value)) {
			return "1 or 0"
		}
	case "select":
		var values []string
		for _, o := range p.Content.Options {
			values = append(values, o.Value)
		}
		if !slices.Contains(values, value) {
			return "one of " + strings.Join(values, ", ")
		}
	}
	return ""
}
