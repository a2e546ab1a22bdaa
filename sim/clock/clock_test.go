package clock_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ecsbot/sim/clock"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func TestPaceAndUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(epoch, 60)
		time.Sleep(time.Second)
		if got, want := c.Now(), epoch.Add(time.Minute); !got.Equal(want) {
			t.Fatalf("after 1 s at pace 60: %s, want %s", got, want)
		}
		if got := c.Until(epoch.Add(2 * time.Minute)); got != time.Second {
			t.Errorf("Until a minute ahead = %s, want 1s real", got)
		}
		if got := c.Until(epoch); got != 0 {
			t.Errorf("Until the past = %s, want 0", got)
		}
		c.SetPace(1)
		time.Sleep(time.Second)
		if got, want := c.Now(), epoch.Add(61*time.Second); !got.Equal(want) {
			t.Errorf("after SetPace(1) and 1 s: %s, want %s (the past keeps its speed)", got, want)
		}
	})
}

func TestManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(epoch, 0)
		time.Sleep(time.Hour)
		if !c.Now().Equal(epoch) {
			t.Fatalf("a manual clock moved by itself to %s", c.Now())
		}
		if got := c.Until(epoch.Add(1)); got != clock.Never {
			t.Errorf("Until on a manual clock = %s, want Never", got)
		}
		c.Advance(time.Minute)
		c.Advance(-time.Hour)
		if want := epoch.Add(time.Minute); !c.Now().Equal(want) {
			t.Errorf("Now = %s, want %s", c.Now(), want)
		}
	})
}

func TestChangedWakesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(epoch, 0)
		for name, change := range map[string]func(){
			"advance": func() { c.Advance(time.Second) },
			"pace":    func() { c.SetPace(2) },
		} {
			woken, ch := make(chan struct{}), c.Changed()
			go func() { <-ch; close(woken) }()
			synctest.Wait()
			select {
			case <-woken:
				t.Fatalf("%s: woken before the change", name)
			default:
			}
			change()
			synctest.Wait()
			select {
			case <-woken:
			default:
				t.Fatalf("%s: not woken", name)
			}
		}
	})
}

func TestParseGivesAnEqualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(epoch, 12.5)
		time.Sleep(3 * time.Second)
		c.Advance(time.Hour)
		d, err := clock.Parse(c.String())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		if diff := d.Now().Sub(c.Now()).Abs(); diff > time.Microsecond {
			t.Errorf("the copy is off by %s", diff)
		}
		if d.String() != c.String() {
			t.Errorf("String(Parse(s)) = %s, want %s", d, c)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "paced:1:2", "real:1:2:3", "paced:x:2:3", "paced:1:x:3", "paced:1:2:x", "paced:1:2:-1", "paced:1:2:NaN", "paced:1:2:3:4"} {
		if _, err := clock.Parse(s); !errors.Is(err, clock.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, want ErrSyntax", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("paced:1:2:3")
	f.Add("paced:-1:0:0.5")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := clock.Parse(s)
		if err != nil {
			return
		}
		again, err := clock.Parse(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("Parse(%q).String() = %q does not read back: %v", s, c, err)
		}
	})
}
