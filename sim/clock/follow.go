package clock

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// followEvery is the real time between two looks at the file of a Follower.
const followEvery = 10 * time.Millisecond

// watchEvery is the time between two looks of one that somebody waits on.
const watchEvery = 50 * time.Millisecond

// pausedWait is after what real time a Follower of a paused clock is asked again.
const pausedWait = time.Second

// Follower is a clock that another process sets: it reads what Publish last wrote.
type Follower struct {
	path string

	mu     sync.Mutex
	paced  *Paced    // guarded by mu
	text   string    // guarded by mu: what paced was parsed from
	looked time.Time // guarded by mu: real time of the last look at the file
	watch  sync.Once
	change chan struct{} // guarded by mu: closed at the next change that is seen
}

// Follow returns a clock that follows the file. It errs when there is no clock
// in the file yet.
func Follow(path string) (*Follower, error) {
	f := &Follower{path: path, change: make(chan struct{})}
	if err := f.look(time.Now()); err != nil {
		return nil, err
	}
	return f, nil
}

// Publish writes the clock to a file for Followers, all or nothing.
func Publish(p *Paced, path string) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, []byte(p.String()), 0o600); err != nil {
		return fmt.Errorf("publishing the clock: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("publishing the clock: %w", err)
	}
	return nil
}

func (f *Follower) look(now time.Time) error {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("following the clock: %w", err)
	}
	f.looked = now
	if string(b) == f.text {
		return nil
	}
	p, err := Parse(string(b))
	if err != nil {
		return fmt.Errorf("following the clock: %w", err)
	}
	if f.paced != nil {
		close(f.change)
		f.change = make(chan struct{})
	}
	f.paced, f.text = p, string(b)
	return nil
}

// current is the clock as last published; an unreadable file changes nothing.
func (f *Follower) current() *Paced {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= followEvery {
		if err := f.look(now); err != nil {
			f.looked = now
		}
	}
	return f.paced
}

// Changed returns a channel that is closed once a change is seen, as Paced's is.
// From the first call on the file is looked at for as long as the process lives.
func (f *Follower) Changed() <-chan struct{} {
	f.watch.Do(func() {
		go func() {
			for range time.Tick(watchEvery) {
				f.current()
			}
		}()
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.change
}

// Now is the virtual time.
func (f *Follower) Now() time.Time { return f.current().Now() }

// Until is the real time left until t, by the pace of now. While the clock stands
// still it is pausedWait: who does not wait on Changed has to ask again.
func (f *Follower) Until(t time.Time) time.Duration {
	c := f.current()
	left := c.Until(t)
	if left == Never && c.Pace() == 0 {
		return pausedWait
	}
	return left
}
