package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

// commandBound bounds the wait for a command's answer. Long work (a switchover)
// is answered when it has begun.
const commandBound = 30 * time.Second

var commandNumber atomic.Uint64

// verbs has the commands by their word.
var verbs = map[string]failover.Verb{
	"switchover": failover.Switchover, "standby": failover.ToStandby, "unstandby": failover.Unstandby,
	"maintenance on": failover.MaintenanceOn, "maintenance off": failover.MaintenanceOff,
	"manage": failover.Manage, "unmanage": failover.Unmanage, "cleanup": failover.Cleanup, "restart": failover.Restart,
	"fence": failover.Fence, "fence-confirm": failover.FenceConfirm, "remove": failover.Remove, "readmit": failover.Readmit,
	"adopt": failover.Adopt, "drill": failover.Drill,
}

// State answers the control socket.
func (e *Engine) State(context.Context) (control.State, error) {
	out := control.State{Status: e.Status(), Alarms: e.clerk.alarms.list(), Incident: e.clerk.incidents.open()}
	if e.Peer != nil {
		if news, taken := e.Peer.Latest(); news != nil {
			out.Peer, out.PeerAlarms, out.PeerTaken = news.GetStatus(), alarmsOf(news), taken
		}
	}
	return out, nil
}

// History answers the control socket.
func (e *Engine) History(_ context.Context, limit int) ([]control.Entry, error) {
	return e.clerk.past(limit), nil
}

// Plan answers the control socket.
func (e *Engine) Plan(context.Context) (control.Plan, error) {
	v, p := e.view.Load(), e.plan.Load()
	return control.Plan{
		Decision: v.Decision, Role: roleWord(v.Role), Generation: v.Generation,
		Why: reasonTexts(p.why, e.peer), Actions: p.actions, WakeSeconds: p.wake.Seconds(),
	}, nil
}

// Decisions answers the control socket.
func (e *Engine) Decisions(context.Context) (string, error) { return e.scenario(), nil }

// Configuration answers the control socket.
func (e *Engine) Configuration(context.Context) (string, error) {
	return e.cfg.Load().Shown(), nil
}

// Command answers the control socket: the active node decides, wherever the
// operator sits; what is about this node's own machine, or about what it runs and
// remembers itself, is decided here.
func (e *Engine) Command(ctx context.Context, c control.Command) (control.Reply, error) {
	if _, err := verbOf(c); err != nil {
		return control.Reply{}, err
	}
	if err := lastsLong(c); err != nil {
		return control.Reply{}, err
	}
	var away error
	if e.relays(c) {
		reply, err := e.Peer.Command(ctx, &peerpb.CommandRequest{
			Operator: c.Operator, Name: c.Name, Target: c.Target, DurationSeconds: c.Seconds, Generation: c.Generation, Anyway: c.Anyway,
		})
		if err == nil {
			return replyOf(reply)
		}
		away = err
		e.Log.WithError(err).Warn("command not handed to the active node")
	}
	if c.Name == "cleanup" {
		return e.cleanUp(ctx, c)
	}
	reply, err := e.command(ctx, c)
	if err != nil && away != nil {
		err = fmt.Errorf("%w; and it could not be asked: %w", err, away)
	}
	return reply, err
}

// relays tells whether the command is the peer's to decide.
func (e *Engine) relays(c control.Command) bool {
	v := e.viewOf()
	if e.Peer == nil || v.Role == beat.Active || !v.Peer.Heard || v.Peer.Role != beat.Active {
		return false
	}
	switch c.Name {
	case "fence", "fence-confirm", "remove", "adopt":
		return false // words about a machine are given to the one that acts on them
	case "cleanup":
		return false // each node remembers failures of its own
	case "restart":
		return !e.keepsHere(v, c.Target)
	default:
		return true
	}
}

// keepsHere: the resource runs on this node, or is to: a restart of it is meant for this one.
func (e *Engine) keepsHere(v failover.View, name string) bool {
	if r, ok := e.resources[name]; ok && r.cfg.Mode == "active-active" {
		return true
	}
	return slices.ContainsFunc(v.Resources, func(r failover.ResourceView) bool {
		return r.Name == name && (r.Wanted || r.State == "started" || r.State == "warm")
	})
}

// ails has the conditions of a resource that want a cleanup, and what is said of it then.
var ails = map[string]string{
	"unconfigured": "left the configuration of", "stop-failed": "did not stop on", api.ConditionBlocked: "is blocked on", api.ConditionFailed: "failed on",
}

// cleanUp has this node forget, and says where else the resource wants it. It refuses where
// that is at the peer alone: whoever is asked here would go on as if something had been done.
func (e *Engine) cleanUp(ctx context.Context, c control.Command) (control.Reply, error) {
	here := slices.ContainsFunc(e.viewOf().Alarms, func(a failover.Alarm) bool { return a.Object == "resource/"+c.Target && ails[a.Key] != "" })
	there := e.ailsThere(c.Target)
	if there != "" && !here {
		return control.Reply{}, fmt.Errorf("%w: nothing to clean up on %s; %s %s: say it there", control.ErrRefused, e.Node, c.Target, there)
	}
	reply, err := e.command(ctx, c)
	if err == nil && there != "" {
		reply.Message += fmt.Sprintf(" It %s, too: say it there as well.", there)
	}
	return reply, err
}

// ailsThere is what wants a cleanup of the resource on the peer, by its last word; empty:
// nothing that is known.
func (e *Engine) ailsThere(name string) string {
	if e.Peer == nil || !e.viewOf().Peer.Heard {
		return ""
	}
	news, taken := e.Peer.Latest()
	if news == nil || e.Clock.Wall().Sub(taken) > freshNews {
		return ""
	}
	for _, a := range news.GetAlarms() {
		if said := ails[a.GetCondition()]; a.GetObject() == "resource/"+name && said != "" {
			return said + " " + e.peer
		}
	}
	return ""
}

func replyOf(reply *peerpb.CommandReply) (control.Reply, error) {
	if !reply.GetAccepted() {
		return control.Reply{}, fmt.Errorf("%w: %s", control.ErrRefused, reply.GetMessage())
	}
	return control.Reply{Message: reply.GetMessage()}, nil
}

// command gives a command to this node's own policy and waits for its answer.
func (e *Engine) command(ctx context.Context, c control.Command) (control.Reply, error) {
	verb, err := verbOf(c)
	if err != nil {
		return control.Reply{}, err
	}
	if err := lastsLong(c); err != nil {
		return control.Reply{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandBound)
	defer cancel()
	answer, err := e.order(ctx, failover.Command{
		ID: fmt.Sprintf("command-%d", commandNumber.Add(1)), Verb: verb, Name: e.targetOf(c), Generation: c.Generation,
		For: time.Duration(c.Seconds * float64(time.Second)), Operator: c.Operator, Open: e.drills.open(), Anyway: c.Anyway,
	})
	if err != nil {
		return control.Reply{}, err
	}
	if answer.Err != "" {
		return control.Reply{}, fmt.Errorf("%w: %s", control.ErrRefused, answer.Err)
	}
	return control.Reply{Message: "Accepted: " + e.deed(c) + ". storewardctl status shows how it goes."}, nil
}

// deed is what was accepted; of what concerns one node it names that one.
func (e *Engine) deed(c control.Command) string {
	text := strings.TrimSpace(c.Name + " " + c.Target)
	if c.Name == "cleanup" || c.Name == "restart" {
		text += " on " + e.Node
	}
	return text
}

// order posts a command and waits for the policy's answer.
func (e *Engine) order(ctx context.Context, command failover.Command) (failover.Answer, error) {
	reply := make(chan failover.Answer, 1)
	select {
	case e.inbox <- fact{event: command, reply: reply}:
	case <-ctx.Done():
		return failover.Answer{}, fmt.Errorf("give command: %w", ctx.Err())
	}
	select {
	case answer := <-reply:
		return answer, nil
	case <-ctx.Done():
		return failover.Answer{}, fmt.Errorf("the policy gave no answer to %s in time: %w", verbWord(command.Verb), ctx.Err())
	}
}

func verbOf(c control.Command) (failover.Verb, error) {
	word := c.Name
	if word == "maintenance" {
		word += " " + c.Target
	}
	verb, ok := verbs[word]
	if !ok {
		return 0, fmt.Errorf("%w: this daemon knows no command %q", control.ErrRefused, word)
	}
	return verb, nil
}

// lastsLong refuses a mode that would be over at once, whoever sent it: it might move the
// store for nothing.
func lastsLong(c control.Command) error {
	if c.Seconds == 0 || c.Seconds >= control.LeastMode.Seconds() {
		return nil
	}
	return fmt.Errorf("%w: a mode lasts a minute at least, not %g s", control.ErrRefused, c.Seconds)
}

func (e *Engine) targetOf(c control.Command) string {
	if c.Name == "maintenance" {
		return ""
	}
	return c.Target
}

// Reload answers the control socket: the file is read anew. What is bad is
// refused and the running configuration stays.
func (e *Engine) Reload(ctx context.Context) (control.Reply, error) {
	next, err := e.ReadConfig()
	if err != nil {
		e.clerk.tell(observation{at: e.Clock.Now(), event: configEvent(e.Node, api.KindConfigRefused, major,
			"The configuration file was refused; the running configuration stays. "+err.Error())})
		return control.Reply{}, fmt.Errorf("%w: the running configuration stays: %w", control.ErrRefused, err)
	}
	restart := needsRestart(e.cfg.Load(), next)
	if len(restart) > 0 {
		text := "These parts take effect at the daemon's next start: " + strings.Join(restart, ", ")
		return control.Reply{}, fmt.Errorf("%w: the file is good, and nothing was changed: it needs a restart of the daemon. %s", control.ErrRefused, text)
	}
	e.reviewing.Lock()
	e.use(next)
	e.changePolicy(ctx, next)
	e.reviewing.Unlock()
	e.clerk.tell(observation{at: e.Clock.Now(), event: configEvent(e.Node, api.KindConfigApplied, cleared, "A new configuration runs.")})
	return control.Reply{Message: "The new configuration runs."}, nil
}

func configEvent(node, kind string, severity api.Severity, message string) *api.Event {
	return &api.Event{Kind: kind, Severity: severity, Object: "node/" + node, Condition: api.ConditionConfig, Message: message}
}

func trimRefused(err error) string {
	return strings.TrimPrefix(err.Error(), control.ErrRefused.Error()+": ")
}

// verbWord is the operator's own word for a verb.
func verbWord(v failover.Verb) string {
	for word, verb := range verbs {
		if verb == v {
			return word
		}
	}
	return "leave"
}
