package report

import (
	"errors"
	"fmt"

	"github.com/storeward/storeward/core/api"
)

// What happens to the reports themselves is told like everything else: it waits with
// the others, and its trap goes out at once.

func (r *Reporter) tellNews(kind string, severity api.Severity, condition, format string, arguments ...any) {
	r.o.Tell(&api.Event{
		Kind: kind, Severity: severity, Object: "node/" + r.o.Node, Condition: condition, Message: fmt.Sprintf(format, arguments...),
	})
}

// tellDamage raises an alarm. It stands until the daemon's next start: somebody
// should look at the disk.
func (r *Reporter) tellDamage(d Damage) {
	kept, waited := "It was gone", "Reports that waited in it are missing"
	if d.Aside != "" {
		kept = "It was set aside as " + d.Aside
	}
	if d.Waiting >= 0 {
		waited = fmt.Sprintf("%d reports that waited in it are missing", d.Waiting)
	}
	r.tellNews(api.KindJournalCorrupt, api.Severity_SEVERITY_MAJOR, api.ConditionCorrupt,
		"The outbox of %s cannot be read: %v. %s. %s; a new one takes its place, and the service is not concerned.", r.o.Node, d.Err, kept, waited)
}

// held is how it stands with reports that the disk does not take.
type held struct {
	told    bool
	full    bool   // that some are lost was told too
	givenUp uint64 // when it began
}

// tellHeld says that the disk takes nothing, and again when the first report found no
// room in memory either.
func (r *Reporter) tellHeld(err error) {
	switch now := &r.held; {
	case errors.Is(err, errRenewed):
	case !now.told:
		*now = held{told: true, givenUp: r.givenUp.Load()}
		r.tellNews(api.KindOutboxFailed, api.Severity_SEVERITY_MAJOR, api.ConditionOutbox,
			"The outbox of %s takes nothing: %v. Reports are held in memory, at most %d of them and %d MiB, until it does; a new start of the daemon would lose them.",
			r.o.Node, err, queueLimit, queueBytes>>20)
	case !now.full && r.givenUp.Load() > now.givenUp:
		now.full = true
		r.tellNews(api.KindOutboxFailed, api.Severity_SEVERITY_CRITICAL, api.ConditionOutbox,
			"The outbox of %s takes nothing: %v. As many reports as memory may hold wait: from now on some are lost, points first.", r.o.Node, err)
	}
}

// tellTaken says that the disk takes reports again.
func (r *Reporter) tellTaken() {
	if !r.held.told {
		return
	}
	lost := r.givenUp.Load() - r.held.givenUp
	r.held = held{}
	r.tellNews(api.KindOutboxRestored, api.Severity_SEVERITY_CLEARED, api.ConditionOutbox,
		"The outbox of %s takes reports again. What was held in memory is kept; %d reports found no room there and are lost.", r.o.Node, lost)
}

// tellSetBack says that the disk was set back, and what became of the journal.
func (r *Reporter) tellSetBack(why *overtaken, journal string) {
	r.tellNews(api.KindOutboxSetBack, api.Severity_SEVERITY_MAJOR, "",
		"The disk of %s was set back to an older state: %s knows its reports up to number %d, and this node itself came to %d only. What it reports from there on goes out under the new journal %s.",
		r.o.Node, why.console, why.told, why.known, journal)
}
