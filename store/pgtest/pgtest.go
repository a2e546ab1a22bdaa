// Package pgtest starts PostgreSQL servers for tests: a fresh directory, a free
// port on loopback, gone when the test ends. A machine without PostgreSQL fails
// the test: it is one of the two databases that the bot runs on.
package pgtest

import (
	"context"
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

// Start starts a server and returns the URL of an empty database in it.
func Start(t testing.TB) (url string) { return New(t).URL }

// Server is a PostgreSQL server of this test alone.
type Server struct {
	URL string

	t    testing.TB
	dir  string
	bin  string
	port int
}

// New starts a server with fsync on, as the bot demands.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: binaries(t), port: freePort(t)}
	// Not t.TempDir: the server's own user must be able to enter it.
	base, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		t.Fatalf("making the server's directory: %v", err)
	}
	s.dir = filepath.Join(base, "data")
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	if os.Geteuid() == 0 {
		chown(t, base, "postgres")
	}
	s.run("initdb", "-D", s.dir, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C")
	t.Cleanup(func() { s.stop() })
	s.Start()
	s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	s.assertOurs()
	return s
}

// Start starts a stopped server again, on the same port.
func (s *Server) Start() {
	s.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-l", s.dir+".log", "-w", "-o",
		fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200", s.port), "start")
}

// Kill stops the server as a crash would: no checkpoint, connections cut.
func (s *Server) Kill() {
	s.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop")
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(name string) string {
	s.t.Helper()
	s.Exec("CREATE DATABASE " + pgx.Identifier{name}.Sanitize())
	return strings.Replace(s.URL, "/postgres?", "/"+name+"?", 1)
}

// Exec runs SQL as the superuser.
func (s *Server) Exec(q string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		s.t.Fatalf("connecting to the test server: %v", err)
	}
	defer c.Close(ctx) //nolint:errcheck // the answer was read
	if _, err := c.Exec(ctx, q); err != nil {
		s.t.Fatalf("%s: %v", q, err)
	}
}

// assertOurs: if the port was taken meanwhile, pg_ctl fails but a client would
// talk to the other server.
func (s *Server) assertOurs() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		s.t.Fatalf("connecting to the test server: %v", err)
	}
	defer c.Close(ctx) //nolint:errcheck // the answer was read
	var dir string
	if err := c.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil || dir != s.dir {
		s.t.Fatalf("port %d belongs to a server of %q, not ours of %q (%v)", s.port, dir, s.dir, err)
	}
}

func (s *Server) stop() {
	if _, err := os.Stat(filepath.Join(s.dir, "postmaster.pid")); err != nil {
		return
	}
	if out, err := s.command("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop").CombinedOutput(); err != nil {
		s.t.Errorf("stopping PostgreSQL: %v: %s", err, out)
	}
}

func (s *Server) run(name string, args ...string) {
	s.t.Helper()
	// pg_ctl's server keeps inherited pipes open: files, not pipes.
	out, err := os.CreateTemp("", "pgtest-out")
	if err != nil {
		s.t.Fatalf("making an output file: %v", err)
	}
	defer os.Remove(out.Name()) //nolint:errcheck // a temporary file
	defer out.Close()           //nolint:errcheck // read below
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(s.dir + ".log")
		s.t.Fatalf("%s: %v\n%s%s", name, err, text, log)
	}
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

func binaries(t testing.TB) string {
	t.Helper()
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Fatal("PostgreSQL is not installed: initdb is neither in PATH nor under /usr/lib/postgresql. " +
			"Install it (apt-get install postgresql); these tests do not skip, since PostgreSQL is one of the bot's two databases")
	}
	return filepath.Dir(slices.Max(found))
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer l.Close() //nolint:errcheck // the port is all we want
	return l.Addr().(*net.TCPAddr).Port
}

func chown(t testing.TB, dir, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("PostgreSQL refuses to run as root, and there is no user %q: %v", name, err)
	}
	var uid, gid int
	if _, err := fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid); err != nil {
		t.Fatalf("user %q: %v", name, err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatalf("giving the directory to %q: %v", name, err)
	}
}
