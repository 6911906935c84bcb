package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/console/internal/httpapi"
)

// Version is the console's version; the release build sets it.
var Version = "0.1.0-dev"

// Command returns the command line.
func Command() *cobra.Command {
	root := &cobra.Command{
		Use:           "storeward-console",
		Short:         "The enterprise console of Storeward",
		Version:       Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(openAPICommand())
	return root
}

func openAPICommand() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the description of the HTTP API (OpenAPI 3.1, JSON)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := httpapi.OpenAPI(Version)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(doc))
			return err
		},
	}
}
