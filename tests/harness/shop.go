package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/storeward/storeward/contrib/retail"
	"github.com/storeward/storeward/tests/lab"
)

// postgresBin is where Debian's postgresql-15 keeps its programs.
const postgresBin = "/usr/lib/postgresql/15/bin"

const nginxConfig = `# The store's price list. Made by the lab.
daemon off;
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/storeward/nginx.log;
events { worker_connections 256; }
http {
	access_log off;
	default_type application/json;
	server {
		listen 80;
		root /etc/storeward/www;
		add_header X-Node $hostname;
		location = /healthz { return 200 "ok\n"; }
	}
}
`

// makeShop puts the web server's files on both nodes and makes the database on
// the storage that both are wired to.
func (s *Site) makeShop(ctx context.Context) error {
	prices := make([]int, 200)
	for i := range prices {
		prices[i] = 99 + 10*i
	}
	list, err := json.Marshal(prices)
	if err != nil {
		return err
	}
	shared := s.Lab.SharedDir()
	for _, n := range s.Store.Nodes {
		www := filepath.Join(n.Etc(), "www")
		if err := os.MkdirAll(www, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(www, "prices.json"), list, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(n.Etc(), "nginx.conf"), []byte(nginxConfig), 0o644); err != nil {
			return err
		}
		n.Binds = append(n.Binds, lab.Bind{Source: shared, Target: sharedDisk})
	}
	return makeDatabase(ctx, filepath.Join(shared, "pg"))
}

const databaseSettings = `
# Made by the lab.
listen_addresses = '*'
unix_socket_directories = '/tmp'
shared_buffers = '32MB'
max_connections = 50
max_wal_size = '128MB'
logging_collector = off
`

const databaseAccess = `local all all trust
host all all 127.0.0.1/32 trust
host all all 10.0.0.0/8 trust
`

// makeDatabase makes the data folder once. Its files belong to the user
// postgres, which PostgreSQL insists on.
func makeDatabase(ctx context.Context, folder string) error {
	credential, err := postgresUser()
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.Chown(folder, int(credential.Uid), int(credential.Gid)); err != nil {
		return err
	}
	run := func(input, program string, arguments ...string) error {
		command := exec.CommandContext(ctx, filepath.Join(postgresBin, program), arguments...)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Pdeathsig: syscall.SIGKILL}
		command.Dir, command.Stdin = "/", strings.NewReader(input)
		command.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("run %s: %w: %s", program, err, out)
		}
		return nil
	}
	if err := run("", "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-D", folder); err != nil {
		return err
	}
	if err := appendFile(filepath.Join(folder, "postgresql.conf"), databaseSettings); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "pg_hba.conf"), []byte(databaseAccess), 0o600); err != nil {
		return err
	}
	if err := run("create role till login;\ncreate database store owner till;\n", "postgres", "--single", "-D", folder, "postgres"); err != nil {
		return err
	}
	return run(retail.Schema+";\nalter table sale owner to till;\n", "postgres", "--single", "-D", folder, "store")
}

func postgresUser() (*syscall.Credential, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find user postgres (Debian's postgresql-15 makes it): %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

// TillArguments are what a till of this store is started with.
func (s *Site) TillArguments() []string {
	return []string{
		"-prices", "http://" + s.Store.VIP(1) + "/prices.json",
		"-database", "postgres://till@" + s.Store.VIP(2) + "/store?sslmode=disable",
		"-json",
	}
}
