package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockName is the file under STATE_DIR that the serving process holds.
const lockName = "ecsbot.lock"

// lockFile is an flock: the kernel drops it with the process, however it dies.
// It holds on one machine; STATE_DIR must not be a network file system.
type lockFile struct{ f *os.File }

func takeLock(dir string) (*lockFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making STATE_DIR: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the serving lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: process %s serves from %s. Stop it first, or set DATABASE_URL to run several replicas",
				ErrServing, holderOf(f), dir)
		}
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	if err := writePID(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	return &lockFile{f}, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holderOf(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 20))
	pid := strings.TrimSpace(string(b))
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return "(unknown)"
	}
	return pid
}

// release leaves the file: removing it would let two processes lock two files
// of one name.
func (l *lockFile) release() { _ = l.f.Close() }
