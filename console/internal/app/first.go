package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/storeward/storeward/console/internal/auth"
)

// FirstUser is the name of the administrator that a new console has.
const FirstUser = "admin"

// passwordFile, in the data directory, holds a password that the console made up.
const passwordFile = "admin-password"

// firstUser adds an administrator to a console that has no user yet.
func (a *App) firstUser(ctx context.Context, users *auth.Users) error {
	some, err := users.Any(ctx)
	if err != nil || some {
		return err
	}
	password := auth.GeneratePassword()
	if a.o.PasswordFile != "" {
		if password, err = readPassword(a.o.PasswordFile); err != nil {
			return err
		}
	} else {
		path := filepath.Join(a.o.Data, passwordFile)
		if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
			return fmt.Errorf("write first password: %w", err)
		}
		a.o.Log.WithField("file", path).Info("first administrator's password written")
	}
	if err := users.Add(ctx, FirstUser, auth.Administrator, password, false); err != nil {
		return fmt.Errorf("add first administrator: %w", err)
	}
	return nil
}

func readPassword(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
