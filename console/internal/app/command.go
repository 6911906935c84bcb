package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/httpapi"
)

// Version is the console's version; the release build sets it.
var Version = "0.1.0-dev"

const (
	// minRetention is a little more than the time series keep in memory anyway.
	minRetention = 6 * time.Hour
	defaultData  = "/var/lib/storeward-console"
	// passwordEnv names a file with the first administrator's password.
	passwordEnv = "STOREWARD_ADMIN_PASSWORD_FILE"
)

// Command returns the command line.
func Command() *cobra.Command {
	root := &cobra.Command{
		Use:           "storeward-console",
		Short:         "The enterprise console of Storeward",
		Version:       Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	user := &cobra.Command{Use: "user", Short: "Manage the console's users"}
	user.AddCommand(userAddCommand())
	root.AddCommand(serveCommand(), enrolCommand(), user, openAPICommand())
	return root
}

func serveCommand() *cobra.Command {
	o := Options{Now: time.Now, PasswordFile: os.Getenv(passwordEnv)}
	var level, format string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the console",
		Long: "Run the console until it is told to stop (SIGINT, SIGTERM).\n\n" +
			"A new console gets the user \"admin\": its password is read from the file that\n" +
			passwordEnv + " names, or made up and written to DATA/" + passwordFile + ".",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (o.TLSCert == "") != (o.TLSKey == "") {
				return errors.New("--tls-cert and --tls-key belong together")
			}
			if o.Retention < minRetention {
				return fmt.Errorf("--retention %s is too short: take at least %s", o.Retention, minRetention)
			}
			log, err := newLog(cmd.ErrOrStderr(), level, format)
			if err != nil {
				return err
			}
			o.Log = log
			a, err := New(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Data, "data", defaultData, "data directory")
	f.StringVar(&o.HTTP, "http", "127.0.0.1:8443", "address for browsers and the API")
	f.StringVar(&o.Link, "link", "0.0.0.0:4222", "address for stores")
	f.StringSliceVar(&o.LinkNames, "link-name", nil, "further name or address under which stores reach the link; may be repeated")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate for browsers, PEM; without it HTTP is plain")
	f.StringVar(&o.TLSKey, "tls-key", "", "its key, PEM")
	f.DurationVar(&o.Retention, "retention", 90*24*time.Hour, "how long time series are kept")
	f.StringVar(&level, "log-level", "info", "error, warn, info or debug")
	f.StringVar(&format, "log-format", "text", "text or json")
	return cmd
}

func newLog(w io.Writer, level, format string) (*logrus.Logger, error) {
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q is none of error, warn, info, debug", level)
	}
	log := logrus.New()
	log.SetOutput(w)
	log.SetLevel(l)
	switch format {
	case "text":
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	case "json":
		log.SetFormatter(&logrus.JSONFormatter{})
	default:
		return nil, fmt.Errorf("--log-format %q is none of text, json", format)
	}
	return log, nil
}

func enrolCommand() *cobra.Command {
	var data, out string
	cmd := &cobra.Command{
		Use:     "enroll STORE NODE",
		Aliases: []string{"enrol"},
		Short:   "Issue a node's certificate for the link",
		Long: "Issue the certificate with which NODE of STORE may speak to this console, and write\n" +
			"node.pem, node.key and ca.pem. The console may run meanwhile.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := os.Stat(data)
			unknown := errors.Is(err, os.ErrNotExist)
			if err := Enrol(cmd.Context(), data, args[0], args[1], out, time.Now()); err != nil {
				return err
			}
			if unknown {
				cmd.PrintErrf("there was no console in %s: a new one with a new authority begins there\n", data)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s.%s may speak to this console with the files in %s\n", args[0], args[1], out)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "data directory of the console")
	cmd.Flags().StringVar(&out, "out", ".", "folder for the three files")
	return cmd
}

// Enrol issues a node's certificate into out and registers the node.
func Enrol(ctx context.Context, data, store, node, out string, now time.Time) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	authority, err := ca.Open(data, now)
	if err != nil {
		return err
	}
	if err := authority.Enrol(store, node, out, now); err != nil {
		return err
	}
	d, err := db.Open(ctx, data)
	if err != nil {
		return err
	}
	return errors.Join(fleet.Register(ctx, d.Write, store, node, now), d.Close())
}

func userAddCommand() *cobra.Command {
	var data, role, file string
	var replace bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; without --password-file a password is made up and printed",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := auth.ParseRole(role)
			if err != nil {
				return err
			}
			password, shown, err := choosePassword(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			if err := addUser(cmd.Context(), data, args[0], r, password, replace); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "user %s is %s%s\n", args[0], r, shown)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "data directory of the console")
	cmd.Flags().StringVar(&role, "role", string(auth.Viewer), "viewer, operator, engineer or administrator")
	cmd.Flags().StringVar(&file, "password-file", "", "file with the password; - reads one line from standard input")
	cmd.Flags().BoolVar(&replace, "replace", false, "give an existing user this role and password")
	return cmd
}

// choosePassword returns the password and what to say about it.
func choosePassword(in io.Reader, file string) (password, shown string, err error) {
	switch file {
	case "":
		password = auth.GeneratePassword()
		return password, ", password " + password, nil
	case "-":
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), "", nil
	default:
		password, err = readPassword(file)
		return password, "", err
	}
}

func addUser(ctx context.Context, data, name string, role auth.Role, password string, replace bool) error {
	if _, err := os.Stat(data); err != nil {
		return fmt.Errorf("there is no console in %s: name its data directory with --data: %w", data, err)
	}
	d, err := db.Open(ctx, data)
	if err != nil {
		return err
	}
	err = auth.NewUsers(d, time.Now).Add(ctx, name, role, password, replace)
	if errors.Is(err, auth.ErrExists) {
		err = fmt.Errorf("user %s exists: --replace gives it a new role and password", name)
	}
	return errors.Join(err, d.Close())
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
