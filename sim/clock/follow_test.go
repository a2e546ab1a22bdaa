package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFollowerTakesWhatIsPublished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	if _, err := Follow(path); err == nil {
		t.Fatal("followed a file that does not exist")
	}
	start := time.Unix(1_800_000_000, 0).UTC()
	p := New(start, 0)
	if err := Publish(p, path); err != nil {
		t.Fatal(err)
	}
	f, err := Follow(path)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Now().Equal(start) {
		t.Errorf("reads %s, want %s", f.Now(), start)
	}
	if got := f.Until(start.Add(time.Hour)); got != pausedWait {
		t.Errorf("while the clock stands still, Until an hour ahead = %s, want to be asked again in %s", got, pausedWait)
	}
	if got := f.Until(start); got != 0 {
		t.Errorf("Until now = %s", got)
	}
	heard := f.Changed()
	p.Advance(time.Hour)
	if err := Publish(p, path); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody who waits heard of the change")
	}
	if want := start.Add(time.Hour); !f.Now().Equal(want) {
		t.Errorf("reads %s, want %s", f.Now(), want)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.looked = time.Time{}
	f.mu.Unlock()
	if want := start.Add(time.Hour); !f.Now().Equal(want) {
		t.Errorf("an unreadable file changed the clock to %s", f.Now())
	}
}
