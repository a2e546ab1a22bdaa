// Package pgtest starts PostgreSQL servers for tests: a fresh directory, a free
// port on loopback, gone when the test ends. A machine without PostgreSQL fails
// the test: it is one of the two databases that the bot runs on.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Start starts a server for this test and returns the URL of an empty database in it.
func Start(t testing.TB) (url string) { return New(t).URL }

// SkipShort skips, and says so, under go test -short: a quick run is on SQLite
// alone.
func SkipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("go test -short: PostgreSQL is left out")
	}
}

// Server is a PostgreSQL server on loopback.
type Server struct {
	URL string

	base, dir, bin string
	port           int
}

// New starts a server of this test alone.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Run starts a server that Close ends, for a TestMain whose tests share one. It
// has fsync on, as the bot demands.
func Run() (*Server, error) {
	s := &Server{}
	var err error
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	// Not t.TempDir: the server's own user must be able to enter it.
	if s.base, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, fmt.Errorf("making the server's directory: %w", err)
	}
	s.dir = filepath.Join(s.base, "data")
	s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	if err := s.create(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) create() error {
	if os.Geteuid() == 0 {
		if err := chown(s.base, "postgres"); err != nil {
			return err
		}
	}
	if err := s.run("initdb", "-D", s.dir, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	return s.assertOurs()
}

// Close stops the server and removes its directory.
func (s *Server) Close() error {
	var err error
	if _, e := os.Stat(filepath.Join(s.dir, "postmaster.pid")); e == nil {
		err = s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop")
	}
	return errors.Join(err, os.RemoveAll(s.base))
}

func (s *Server) start() error {
	return s.run("pg_ctl", "-D", s.dir, "-l", s.dir+".log", "-w", "-o",
		fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=400", s.port), "start")
}

// Start starts a killed server again, on the same port.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Kill stops the server as a crash would: no checkpoint, connections cut.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop"); err != nil {
		t.Fatal(err)
	}
}

// Database makes an empty database, gone when the test ends, and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "t" + strings.ToLower(rand.Text())
	s.Exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return strings.Replace(s.URL, "/postgres?", "/"+name+"?", 1)
}

// Exec runs SQL as the superuser.
func (s *Server) Exec(t testing.TB, q string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		t.Fatalf("connecting to the test server: %v", err)
	}
	defer c.Close(ctx) // the answer was read
	if _, err := c.Exec(ctx, q); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

// assertOurs: if the port was taken meanwhile, pg_ctl fails but a client would
// talk to the other server.
func (s *Server) assertOurs() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return fmt.Errorf("connecting to the test server: %w", err)
	}
	defer c.Close(ctx) // the answer was read
	var dir string
	if err := c.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return fmt.Errorf("asking the test server for its directory: %w", err)
	}
	if dir != s.dir {
		return fmt.Errorf("port %d belongs to a server of %q, not to ours of %q", s.port, dir, s.dir)
	}
	return nil
}

func (s *Server) run(name string, args ...string) error {
	// pg_ctl's server keeps inherited pipes open: a file, not a pipe.
	out, err := os.CreateTemp("", "pgtest-out")
	if err != nil {
		return fmt.Errorf("making an output file: %w", err)
	}
	defer os.Remove(out.Name()) // a temporary file
	defer out.Close()           // read below
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(s.dir + ".log")
		return fmt.Errorf("%s: %w\n%s%s", name, err, text, log)
	}
	return nil
}

// command runs as the user postgres when we are root: PostgreSQL refuses root.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	path := filepath.Join(s.bin, name)
	cmd := exec.Command(path, args...) //nolint:gosec,noctx // ours; ends by itself
	if os.Geteuid() == 0 {
		cmd = exec.Command("runuser", append([]string{"-u", "postgres", "--", path}, args...)...) //nolint:gosec,noctx // as above
	}
	cmd.Dir = "/"
	return cmd
}

func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: initdb is neither in PATH nor under /usr/lib/postgresql. " +
			"Install it (apt-get install postgresql); these tests do not skip, since PostgreSQL is one of the bot's two databases")
	}
	return filepath.Dir(slices.Max(found)), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close() // the port is all we want
	return l.Addr().(*net.TCPAddr).Port, nil
}

func chown(dir, name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("PostgreSQL refuses to run as root, and there is no user %q: %w", name, err)
	}
	var uid, gid int
	if _, err := fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return fmt.Errorf("giving the directory to %q: %w", name, err)
	}
	return nil
}
