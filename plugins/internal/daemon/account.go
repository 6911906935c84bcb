package daemon

import (
	"fmt"
	"os/user"
	"strconv"
	"syscall"
)

// account is a user to run as.
type account struct {
	credential  *syscall.Credential
	environment []string
}

func lookUpAccount(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("find user %s: %w", name, err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return account{}, fmt.Errorf("find groups of %s: %w", name, err)
	}
	out := account{
		credential:  &syscall.Credential{},
		environment: []string{"HOME=" + u.HomeDir, "USER=" + name, "LOGNAME=" + name},
	}
	if out.credential.Uid, err = identity(u.Uid); err != nil {
		return account{}, err
	}
	if out.credential.Gid, err = identity(u.Gid); err != nil {
		return account{}, err
	}
	for _, group := range groups {
		id, err := identity(group)
		if err != nil {
			return account{}, err
		}
		out.credential.Groups = append(out.credential.Groups, id)
	}
	return out, nil
}

func identity(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read id %q: %w", text, err)
	}
	return uint32(n), nil
}
