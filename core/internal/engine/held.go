package engine

import (
	"encoding/json"
)

// heldRecord is the document with the resources that only the active node may run, as the
// configuration has them with which the newest state was saved.
const heldRecord = "resources"

type held struct {
	Kernel    string   `json:"kernel"`
	Resources []string `json:"resources"`
}

// recallHeld finds what a former daemon of this kernel boot may have started and this
// configuration lacks: the policy cannot look at it, and must not forget it.
func (e *Engine) recallHeld() {
	if e.Records == nil {
		return
	}
	e.held = held{Kernel: e.Boot.KernelBoot, Resources: e.policy.Exclusive()}
	var was held
	text, err := e.Records.Load(heldRecord)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil {
		e.Log.WithError(err).Warn("the former configuration's resources not read: one that left it and still runs is not noticed")
		return
	}
	e.Boot.Fresh = was.Kernel != "" && was.Kernel != e.Boot.KernelBoot
	if was.Kernel == e.Boot.KernelBoot {
		e.Boot.Left = e.policy.Lacks(was.Resources)
	}
}

// keepHeld has a later start compare with this configuration. What left the former one is
// in the saved state by now.
func (e *Engine) keepHeld() (kept bool) {
	if e.Records == nil {
		return true
	}
	text, err := json.Marshal(e.held)
	if err == nil {
		err = e.Records.Save(heldRecord, text)
	}
	if err != nil {
		e.Log.WithError(err).Warn("the configuration's resources not kept")
	}
	return err == nil
}
