package ctl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/internal/failover"
)

func (t *tool) configCommand() *cobra.Command {
	cmd := branch(&cobra.Command{Use: "config", Short: "Check, show, compare or apply the store's configuration"})
	show := &cobra.Command{
		Use: "show", Short: "Show the running configuration, secrets hidden", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := t.client().Configuration(cmd.Context())
			if err != nil {
				return err
			}
			return t.show(map[string]string{"configuration": text}, func(w io.Writer) { _, _ = io.WriteString(w, text) })
		},
	}
	apply := &cobra.Command{
		Use: "apply", Short: "Make the daemon take its changed configuration file",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("%w: config apply takes no argument: change the file that the daemon was started with, then say it again", errUsage)
		},
		Long: `The daemon reads its file again. A bad file is refused and the running configuration stays.
Times, the policy's choices and the bounds of resources change at once; anything else needs a restart
of the daemon, which says so and changes nothing.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reply, err := t.client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			return t.show(reply, func(w io.Writer) { line(w, "%s", reply.Message) })
		},
	}
	cmd.AddCommand(t.checkCommand(), show, t.diffCommand(), apply)
	return cmd
}

func (t *tool) simulateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "simulate FILE", Short: "Replay decision inputs or a scenario file through the policy", Args: exactly("FILE"),
		Long: `Replays a file, or - for standard input, and prints what the policy decides, with its grounds.
The file is an incident's scenario text, "storewardctl history --decisions", or a scenario of the test suite.
Nothing is started, stopped or fenced.

A replay is held against the record: the node's own machine, which is there every few seconds, and the
answers to its orders. Where it is not what the node did, a line says so and nothing is shown until the
record has the machine again.

Exit codes: 0 replayed; 1 it is not what the node did, or the file cannot be read.`,
		RunE: func(_ *cobra.Command, args []string) error {
			in := os.Stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("scenario: %w", err)
				}
				defer func() { _ = f.Close() }()
				in = f
			}
			text, err := replay(in)
			if err != nil && !errors.Is(err, failover.ErrDiverged) {
				return fmt.Errorf("replay %s: %w", args[0], err)
			}
			shown := t.show(map[string]string{"result": text}, func(w io.Writer) { _, _ = io.WriteString(w, text) })
			return errors.Join(err, shown)
		},
	}
}

// replayLimit is the most that is replayed: twice a node's ring of decision inputs.
const replayLimit = 16 << 20

func replay(in io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(in, replayLimit+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > replayLimit:
		return "", fmt.Errorf("it holds more than %d MiB: cut it to the lines around the moment", replayLimit>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return "", errors.New("it is empty: give an incident's scenario, or the output of storewardctl history --decisions")
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return "", errors.New("it is no text")
	}
	return failover.RunScenario(bytes.NewReader(data))
}
