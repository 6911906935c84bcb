package retail

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"
)

// Run is the till as a program: it sells until SIGTERM or Ctrl-C, then audits.
// The audit waits for the store if need be, at most audit's patience.
func Run(arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("till", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var c Config
	flags.StringVar(&c.Prices, "prices", "", "")
	flags.StringVar(&c.Database, "database", "", "")
	flags.StringVar(&c.Till, "till", "till1", "")
	flags.DurationVar(&c.Every, "every", 20*time.Millisecond, "")
	flags.DurationVar(&c.Attempt, "attempt", 100*time.Millisecond, "")
	flags.DurationVar(&c.Stall, "stall", 200*time.Millisecond, "")
	asJSON := flags.Bool("json", false, "")
	if err := flags.Parse(arguments); err != nil || c.Prices == "" || c.Database == "" {
		return errors.New("usage: till -prices URL -database URL [-till NAME] [-every 20ms] [-attempt 100ms] [-stall 200ms] [-json]")
	}
	c.Report = func(r Report) {
		if *asJSON {
			_ = json.NewEncoder(out).Encode(r)
			return
		}
		fmt.Fprintln(out, r.Text)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	till := New(c)
	till.Sell(ctx)
	return patientAudit(till)
}

func patientAudit(till *Till) error {
	const patience = 15 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := till.Audit(ctx)
		if err == nil || errors.Is(err, ErrLost) {
			return err
		}
		pause := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			till.Report(Report{Kind: "audit", Text: fmt.Sprintf("audit: the sales cannot be read within %v: %s", patience, firstLine(err)), Sales: len(till.sales)})
			return fmt.Errorf("audit: %w", err)
		case <-pause.C:
		}
	}
}
