package ecsops

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestBudgets: previews may burst to half of a bucket, polls and orders to a tenth, and
// orders go out at most once a second.
func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		bucket bucket
		use    use
		burst  int
		per    float64
	}{
		{clusterResourceRead, usePreview, 50, 10}, {clusterResourceRead, usePoll, 10, 2}, {taskDefinitionRead, usePreview, 25, 10},
		{clusterResourceModify, useOrder, 10, 1}, {ec2Modify, useOrder, 5, 0.5},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(realClock{}, c.bucket, c.use)
			began := time.Now()
			for range c.burst {
				if err := b.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took > 0 {
				t.Errorf("%s: the burst of %d took %s", c.bucket.name, c.burst, took)
			}
			const more = 10
			for range more {
				if err := b.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := time.Duration(more / c.per * float64(time.Second))
			if took := time.Since(began); took < want-time.Millisecond || took > want+time.Second {
				t.Errorf("%s: %d more took %s, want %s", c.bucket.name, more, took, want)
			}
		})
	}
}

// TestBudgetGivesBack: who stops waiting takes no token.
func TestBudgetGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(realClock{}, ec2Modify, useOrder)
		for range 5 {
			if err := b.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("wait = %v", err)
		}
		began := time.Now()
		if err := b.wait(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("the next waited %s: %v", time.Since(began), err)
		}
	})
}

type manual struct {
	now     time.Time
	changed chan struct{}
}

func (m *manual) Now() time.Time                { return m.now }
func (m *manual) Until(time.Time) time.Duration { return time.Hour }
func (m *manual) Changed() <-chan struct{}      { return m.changed }

// TestBudgetWakes: a clock that is moved by hand wakes who waits.
func TestBudgetWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &manual{now: time.Now(), changed: make(chan struct{})}
		b := newBudget(clock, ec2Modify, useOrder)
		began := time.Now()
		for range 5 {
			if err := b.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() { done <- b.wait(t.Context()) }()
		synctest.Wait()
		clock.now = clock.now.Add(2 * time.Second)
		old := clock.changed
		clock.changed = make(chan struct{})
		close(old)
		if err := <-done; err != nil || time.Since(began) > 0 {
			t.Errorf("woken after %s: %v", time.Since(began), err)
		}
	})
}

// TestEveryCallHasABucket: what the package calls is counted somewhere.
func TestEveryCallHasABucket(t *testing.T) {
	for _, op := range []string{"ListContainerInstances", "DescribeContainerInstances", "ListTasks", "DescribeTasks", "UpdateContainerInstancesState",
		"DeregisterContainerInstance", "StopTask", "DescribeServices", "ListServices", "DescribeTaskDefinition", "DescribeClusters", "ListClusters",
		"DescribeCapacityProviders", "GetTaskProtection"} {
		if _, ok := bucketOf("ECS", op); !ok {
			t.Errorf("%s has no bucket", op)
		}
	}
	if a, _ := bucketOf("EC2", "TerminateInstances"); a.burst != 50 || a.refill != 5 {
		t.Errorf("TerminateInstances: %+v", a)
	}
	if a, _ := bucketOf("EC2", "DescribeInstances"); a.name != "ec2_read/DescribeInstances" {
		t.Errorf("DescribeInstances: %+v", a)
	}
}

// TestNearest ranks by likeness and leaves out what is wholly unlike.
func TestNearest(t *testing.T) {
	got := nearest("prd", []string{"staging", "prod", "pro", "prod-eu", "prod"})
	if len(got) < 2 || got[0] != "pro" && got[0] != "prod" {
		t.Errorf("nearest = %v", got)
	}
	for _, g := range got {
		if g == "staging" {
			t.Error("staging is nothing like prd")
		}
	}
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("distance = %d", d)
	}
}
