// Package clock is virtual time that every simulator, and every process beside it, can share.
//
// A Paced clock runs a fixed number of times faster (or slower) than life from a common epoch, so two processes that
// were given the same text (String, Parse) by an environment variable read the same virtual time without talking.
// Jumps (Advance) and changes of pace are local to the process that makes them.
package clock

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Never is the real duration that Until answers for a moment which the clock, as it is set, does not reach by itself.
const Never = time.Duration(math.MaxInt64)

// ErrSyntax is wrapped by every error of Parse.
var ErrSyntax = errors.New("clock text is not \"paced:VIRTUAL_UNIX_NANOS:REAL_UNIX_NANOS:PACE\"")

// Paced is a virtual clock: Now is the virtual epoch plus the real time since the real epoch times the pace. It is safe
// for concurrent use. The zero value is not usable; call New or Parse.
type Paced struct {
	mu      sync.Mutex
	virtual time.Time // guarded by mu: the virtual time at real
	real    time.Time // guarded by mu
	pace    float64   // guarded by mu: virtual seconds per real second, 0 = stands still
	changed chan struct{}
}

// New returns a clock that reads start now and runs pace times as fast as life. Pace 0 makes a manual clock, which only
// Advance moves. A negative or non-finite pace is taken as 0.
func New(start time.Time, pace float64) *Paced {
	return &Paced{virtual: start, real: time.Now(), pace: sane(pace), changed: make(chan struct{})}
}

func sane(pace float64) float64 {
	if pace < 0 || math.IsNaN(pace) || math.IsInf(pace, 0) {
		return 0
	}
	return pace
}

// Now returns the virtual time, in UTC and without a monotonic reading.
func (p *Paced) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nowLocked(time.Now())
}

func (p *Paced) nowLocked(real time.Time) time.Time {
	gone := real.Sub(p.real)
	return p.virtual.Add(time.Duration(float64(gone) * p.pace)).Round(0).UTC()
}

// Pace returns the number of virtual seconds in a real second.
func (p *Paced) Pace() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pace
}

// Until returns the real time left until the clock reads t: 0 when it is past, Never when the clock stands still.
func (p *Paced) Until(t time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := t.Sub(p.nowLocked(time.Now()))
	if left <= 0 {
		return 0
	}
	if p.pace == 0 {
		return Never
	}
	real := math.Ceil(float64(left) / p.pace)
	if real >= float64(Never) {
		return Never
	}
	return time.Duration(real)
}

// Advance moves the clock forward by d of virtual time at once. A negative d is ignored: virtual time never goes back.
func (p *Paced) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.virtual = p.virtual.Add(d)
	p.notifyLocked()
}

// SetPace changes the speed from now on; what has passed keeps the speed that it had.
func (p *Paced) SetPace(pace float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	real := time.Now()
	p.virtual, p.real, p.pace = p.nowLocked(real), real, sane(pace)
	p.notifyLocked()
}

func (p *Paced) notifyLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next Advance or SetPace. Whoever sleeps for Until(t) selects on it
// too, and asks Until again. Take the channel before asking Until, so that no change is missed.
func (p *Paced) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// String is the text form that Parse reads. It holds wall-clock epochs, so it is good for a process on the same machine.
func (p *Paced) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("paced:%d:%d:%s", p.virtual.UnixNano(), p.real.UnixNano(), strconv.FormatFloat(p.pace, 'g', -1, 64))
}

// Parse returns a clock that reads what the clock that wrote s reads, until one of the two is advanced or re-paced.
func Parse(s string) (*Paced, error) {
	part := strings.Split(s, ":")
	if len(part) != 4 || part[0] != "paced" {
		return nil, fmt.Errorf("reading %q: %w", s, ErrSyntax)
	}
	virtual, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the virtual epoch of %q: %w", s, errors.Join(ErrSyntax, err))
	}
	real, err := strconv.ParseInt(part[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the real epoch of %q: %w", s, errors.Join(ErrSyntax, err))
	}
	pace, err := strconv.ParseFloat(part[3], 64)
	if err != nil || sane(pace) != pace {
		return nil, fmt.Errorf("reading the pace of %q: %w", s, ErrSyntax)
	}
	return &Paced{virtual: time.Unix(0, virtual), real: time.Unix(0, real), pace: pace, changed: make(chan struct{})}, nil
}
