package ecsops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

// direct calls the estate as a function, so that it can be used in a bubble of synctest.
type direct struct{ cloud *aws.Cloud }

func (d direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		if recover() != nil { // the estate hangs up
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	d.cloud.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// inBubble runs f on the demo estate in virtual time that runs by itself. Each call takes 20 ms.
func inBubble(t *testing.T, f func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet)) {
	t.Helper()
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": "http://aws.invalid", "AWS_ACCESS_KEY_ID": aws.AccessKeyID(aws.DemoAccount), "AWS_SECRET_ACCESS_KEY": "sim",
		"AWS_REGION": aws.DemoRegion, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
	synctest.Test(t, func(t *testing.T) {
		cloud, err := aws.New(aws.Config{Clock: clock.New(time.Now(), 1), Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := cloud.Demo(); err != nil {
			t.Fatal(err)
		}
		cloud.LatencyPerCall(20 * time.Millisecond)
		fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoCluster, aws.DemoStagingCluster}, Transport: direct{cloud}})
		if err != nil {
			t.Fatal(err)
		}
		f(t, cloud, fleet)
	})
}

// drained previews a machine, orders its drain, and says which tasks are known by then.
func drained(t *testing.T, fleet *ecsops.Fleet, id string) (ecsops.Target, []string) {
	t.Helper()
	p, err := fleet.Preview(t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(id)})
	if err != nil || len(p.Found) != 1 {
		t.Fatal(len(p.Found), err)
	}
	if out := fleet.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: p.Snapshot.Target}); out.Result != ecsops.OK {
		t.Fatalf("%+v", out)
	}
	tasks, _ := p.Snapshot.Tasks.Get()
	var known []string
	for _, task := range tasks {
		known = append(known, task.ARN)
	}
	return p.Snapshot.Target, known
}

// callsSince are the calls since then, and how many of each there were.
func callsSince(cloud *aws.Cloud, since int) (calls []aws.Call, count map[string]int) {
	count = map[string]int{}
	for _, c := range cloud.LogSince(since) {
		calls = append(calls, c)
		count[c.Action]++
	}
	return calls, count
}

func names(t *testing.T, c aws.Call, field string) []string {
	t.Helper()
	var in map[string]json.RawMessage
	var out []string
	if err := json.Unmarshal(c.Params, &in); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(in[field], &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Two drains of one cluster that are looked at together share their calls, and list nothing
// while the counts say that no other task is there.
func TestLooksShareCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
		var targets []ecsops.Target
		var known [][]string
		for _, id := range []string{aws.DemoClean, aws.DemoBatch} {
			target, arns := drained(t, fleet, id)
			targets, known = append(targets, target), append(known, arns)
		}
		time.Sleep(time.Minute)
		before := len(cloud.Log())
		var wg sync.WaitGroup
		seen := make([]ecsops.Snapshot, 2)
		for i, target := range targets {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				var err error
				seen[i], err = fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known[i], Sparing: true, Drains: 2, Holds: true})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		calls, count := callsSince(cloud, before)
		if count["DescribeContainerInstances"] != 1 || count["DescribeTasks"] != 1 || count["GetTaskProtection"] > 1 || count["DescribeServices"] > 1 || count["ListTasks"] != 0 {
			t.Errorf("calls %v", count)
		}
		for _, c := range calls {
			switch c.Action {
			case "DescribeContainerInstances":
				if got := names(t, c, "containerInstances"); len(got) != 2 {
					t.Errorf("described %v", got)
				}
			case "DescribeTasks":
				if got := names(t, c, "tasks"); len(got) != len(known[0])+len(known[1]) {
					t.Errorf("described %d tasks, known are %d and %d", len(got), len(known[0]), len(known[1]))
				}
			}
		}
		for i := range targets { // the same as each would see alone
			alone, err := fleet.Look(t.Context(), targets[i], ecsops.LookFor{KnownTasks: known[i], Holds: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, fact := range []func(ecsops.Snapshot) any{
				func(s ecsops.Snapshot) any { return s.Tasks }, func(s ecsops.Snapshot) any { return s.Instance },
				func(s ecsops.Snapshot) any { return s.Protection }, func(s ecsops.Snapshot) any { return s.Services }} {
				a, errA := json.Marshal(fact(alone))
				b, errB := json.Marshal(fact(seen[i]))
				if string(a) != string(b) || errA != nil || errB != nil {
					t.Errorf("alone %s\ntogether %s", a, b)
				}
			}
		}
	})
}

// A sparing look lists once something is there that it does not know, once nothing that it
// knows is left, and now and then. One that is not sparing lists always, after it was asked for.
func TestSparingLooksListWhenTheyMust(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
		target, known := drained(t, fleet, aws.DemoBatch)
		look := func(sparing bool) (tasks []ecsops.Task, listed int) {
			t.Helper()
			before, began := len(cloud.Log()), time.Now()
			s, err := fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known, Sparing: sparing, Drains: 1})
			if err != nil {
				t.Fatal(err)
			}
			calls, count := callsSince(cloud, before)
			for _, c := range calls {
				if c.Real.Before(began) {
					t.Errorf("%s left before the look began", c.Action)
				}
			}
			tasks, ok := s.Tasks.Get()
			if !ok {
				t.Fatal(s.Tasks.Why())
			}
			return tasks, count["ListTasks"]
		}
		time.Sleep(time.Minute)
		lists := 0
		for range 40 {
			_, n := look(true)
			lists += n
			time.Sleep(10 * time.Second)
		}
		if lists != 4 {
			t.Errorf("%d lists in 40 looks at what stands still, want two looks with two each", lists)
		}
		if _, n := look(false); n != 2 {
			t.Errorf("a look that must not spare lists %d times", n)
		}
		arn, err := cloud.PlaceTask(aws.DemoBatch, "nightly-report", "someone")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		tasks, n := look(true)
		if n != 2 || !slices.ContainsFunc(tasks, func(x ecsops.Task) bool { return x.ARN == arn }) {
			t.Errorf("a task that came is not seen: %d lists, %d tasks", n, len(tasks))
		}
		known = append(known, arn)
		for _, task := range tasks {
			if !task.Stopped() {
				if err := cloud.EndTask(task.ARN); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(10 * time.Minute)
		if tasks, n := look(true); n != 2 || slices.ContainsFunc(tasks, func(x ecsops.Task) bool { return !x.Stopped() }) {
			t.Errorf("the last word is not the lists': %d lists, %v", n, tasks)
		}
	})
}

// A stopping task is in no count: it is described all the same until it is STOPPED.
func TestSparingLooksSeeStoppingTasks(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
		target, known := drained(t, fleet, aws.DemoClean)
		stopping := 0
		for range 120 {
			s, err := fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known, Sparing: true, Drains: 1})
			if err != nil {
				t.Fatal(err)
			}
			tasks, ok := s.Tasks.Get()
			if !ok {
				t.Fatal(s.Tasks.Why())
			}
			for _, real := range cloud.State().Tasks {
				i := slices.IndexFunc(tasks, func(x ecsops.Task) bool { return x.ARN == real.ARN })
				switch {
				case real.EC2ID == aws.DemoClean && real.Last != "STOPPED" && (i < 0 || tasks[i].Stopped()):
					t.Fatalf("%s is %s and the look does not see it", real.ARN, real.Last)
				case i >= 0 && tasks[i].Stopping() && !tasks[i].Stopped():
					stopping++
				}
			}
			time.Sleep(time.Second)
		}
		if stopping == 0 {
			t.Error("no task was seen stopping")
		}
	})
}

// Whatever AWS does, what a sparing look calls known is so; with throttling it may be unknown.
func TestSparingLooksUnderFaults(t *testing.T) {
	for name, fault := range map[string]func(*aws.Cloud){
		"one record to a page": func(c *aws.Cloud) { c.PageSize(1) },
		"throttled":            func(c *aws.Cloud) { c.ThrottleRate("*", 0.3) },
		"disguised throttling": func(c *aws.Cloud) { c.DisguiseThrottling(true); c.ThrottleRate("*", 0.3) },
		"cut":                  func(c *aws.Cloud) { c.FailAfterEffect("DescribeTasks", 3) },
		"buckets":              func(c *aws.Cloud) { c.EnforceBuckets(true) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
				target, known := drained(t, fleet, aws.DemoClean)
				fault(cloud)
				read := 0
				for i := range 30 {
					if i == 10 {
						if _, err := cloud.PlaceTask(aws.DemoClean, "nightly-report", "someone"); err != nil {
							t.Fatal(err)
						}
						time.Sleep(30 * time.Second)
					}
					s, err := fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known, Sparing: true, Drains: 2})
					if busy, ok := errors.AsType[*ecsops.BusyError](err); ok {
						time.Sleep(time.Until(busy.Until))
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					tasks, ok := s.Tasks.Get()
					if !ok {
						continue
					}
					read++
					for _, real := range cloud.State().Tasks {
						seen := slices.ContainsFunc(tasks, func(x ecsops.Task) bool { return x.ARN == real.ARN })
						if real.EC2ID == aws.DemoClean && real.Last == "RUNNING" && real.Desired == "RUNNING" && !seen {
							t.Errorf("look %d: %s runs and is not seen", i, real.ARN)
						}
					}
					time.Sleep(10 * time.Second)
				}
				if read == 0 {
					t.Error("nothing was ever read")
				}
			})
		})
	}
}

// Reads that lag show what was: a task that came is seen once they do, and what was ordered
// meanwhile rests on lists.
func TestSparingLooksLag(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
		target, known := drained(t, fleet, aws.DemoBatch)
		time.Sleep(time.Minute)
		cloud.Lag(20 * time.Second)
		arn, err := cloud.PlaceTask(aws.DemoBatch, "nightly-report", "someone")
		if err != nil {
			t.Fatal(err)
		}
		placed := time.Now()
		for time.Since(placed) < time.Minute {
			s, err := fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known, Sparing: true, Drains: 1})
			if err != nil {
				t.Fatal(err)
			}
			tasks, ok := s.Tasks.Get()
			seen := slices.ContainsFunc(tasks, func(x ecsops.Task) bool { return x.ARN == arn })
			if ok && time.Since(placed) > 30*time.Second && !seen {
				t.Fatalf("after %s the task is not seen", time.Since(placed))
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// One that gives up looking leaves the other's look alone.
func TestSharedLookSurvivesACancelledOne(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, fleet *ecsops.Fleet) {
		first, knownFirst := drained(t, fleet, aws.DemoClean)
		second, knownSecond := drained(t, fleet, aws.DemoBatch)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := fleet.Look(ctx, first, ecsops.LookFor{KnownTasks: knownFirst, Sparing: true, Drains: 2}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
		wg.Go(func() {
			time.Sleep(10 * time.Millisecond)
			s, err := fleet.Look(t.Context(), second, ecsops.LookFor{KnownTasks: knownSecond, Sparing: true, Drains: 2})
			if _, ok := s.Tasks.Get(); !ok || err != nil {
				t.Errorf("the other: %+v, %v", s.Tasks.Why(), err)
			}
		})
		time.Sleep(50 * time.Millisecond)
		cancel()
		wg.Wait()
	})
}

// A replica that joins halves the share: of two that look as fast as they are let, each stays
// within half of a tenth of the bucket, and alone again within the whole.
func TestReplicasShareTheBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, first *ecsops.Fleet) {
		second, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{aws.DemoCluster}, Transport: direct{cloud}, AppID: "second"})
		if err != nil {
			t.Fatal(err)
		}
		target, known := drained(t, first, aws.DemoBatch)
		hammer := func(fleets ...*ecsops.Fleet) int {
			t.Helper()
			before := len(cloud.Log())
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			for _, f := range fleets {
				wg.Go(func() {
					for ctx.Err() == nil {
						_, err := f.Look(ctx, target, ecsops.LookFor{KnownTasks: known})
						if busy, ok := errors.AsType[*ecsops.BusyError](err); ok {
							time.Sleep(time.Until(busy.Until))
						}
					}
				})
			}
			wg.Wait()
			_, count := callsSince(cloud, before)
			time.Sleep(time.Minute) // the buckets fill
			return count["DescribeContainerInstances"] + count["ListTasks"] + count["DescribeTasks"]
		}
		if n := hammer(first); n < 180 || n > 210 {
			t.Errorf("alone: %d calls in 100 s, want 200 and a burst of 10", n)
		}
		first.Share(2)
		if n := hammer(first); n < 90 || n > 105 {
			t.Errorf("one of two: %d calls, want 100 and a burst of 5", n)
		}
		second.Share(2)
		if n := hammer(first, second); n < 180 || n > 210 {
			t.Errorf("both: %d calls, want 200 and two bursts of 5", n)
		}
		first.Share(1)
		if n := hammer(first); n < 180 || n > 210 {
			t.Errorf("alone again: %d calls", n)
		}
	})
}

// Slack allows five replicas. However small its part of the budget, each gets its looks done: they take longer,
// none comes again and again for nothing.
func TestSmallPartsSuffice(t *testing.T) {
	for _, parts := range []int{1, 2, 3, 5} {
		t.Run(strconv.Itoa(parts), func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *aws.Cloud, fleet *ecsops.Fleet) {
				target, known := drained(t, fleet, aws.DemoClean)
				fleet.Share(parts)
				since := time.Now()
				polls := map[string]func() error{
					"look": func() error {
						_, err := fleet.Look(t.Context(), target, ecsops.LookFor{KnownTasks: known})
						return err
					},
					"verification": func() error {
						_, err := fleet.After(t.Context(), target, ecsops.LookFor{KnownTasks: known, Services: []string{"api", "web"}}, since)
						return err
					},
				}
				for name, poll := range polls {
					for range 5 {
						comeUntilDone(t, name, poll)
					}
				}
			})
		})
	}
}

// A verification that asks for more than one attempt can have goes on where the last one
// ended: hardly a call is made twice. The next verification reads everything anew.
func TestVerificationGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, _ *ecsops.Fleet) {
		if err := cloud.Big(20, 60); err != nil {
			t.Fatal(err)
		}
		fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"big"}, Transport: direct{cloud}})
		if err != nil {
			t.Fatal(err)
		}
		target, known := drained(t, fleet, aws.BigInstance(0))
		p, err := fleet.Preview(t.Context(), ecsops.Ref{EC2: target.EC2})
		if err != nil {
			t.Fatal(err)
		}
		groups, _ := p.Snapshot.TargetGroups.Get()
		services, _ := p.Snapshot.Services.Get()
		lf := ecsops.LookFor{KnownTasks: known, Services: slices.Sorted(maps.Keys(services)), TargetGroups: slices.Sorted(maps.Keys(groups)), EC2: true}
		fleet.Share(5)
		since := time.Now()
		for n := range 2 {
			before, attempts := len(cloud.Log()), 0
			var after ecsops.After
			for busy := true; busy; {
				if attempts++; attempts > 40 {
					t.Fatal("it never ends")
				}
				after, err = fleet.After(t.Context(), target, lf, since)
				var turn *ecsops.BusyError
				if busy = errors.As(err, &turn); busy {
					time.Sleep(time.Until(turn.Until))
				} else if err != nil {
					t.Fatal(err)
				}
			}
			for _, u := range []ecsops.Unknown{after.Snapshot.Instance.Why(), after.Snapshot.Tasks.Why(), after.Snapshot.Services.Why(),
				after.Snapshot.TargetGroups.Why(), after.Snapshot.EC2.Why(), after.Listed.Why(), after.Replacements.Why()} {
				if u.Fact != "" {
					t.Errorf("%d: missing: %v", n, u)
				}
			}
			_, count := callsSince(cloud, before)
			if count["ListTasks"] > len(lf.Services)+2*attempts || count["DescribeTargetHealth"] != len(lf.TargetGroups) || count["DescribeServices"] > len(lf.Services)/10+1 {
				t.Errorf("%d: %d services, %d groups; %d attempts, calls %v", n, len(lf.Services), len(lf.TargetGroups), attempts, count)
			}
			if attempts < 3 {
				t.Errorf("%d: %d attempts show nothing", n, attempts)
			}
		}
	})
}

func comeUntilDone(t *testing.T, name string, poll func() error) {
	t.Helper()
	for range 4 {
		err := poll()
		busy, ok := errors.AsType[*ecsops.BusyError](err)
		if !ok {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		time.Sleep(time.Until(busy.Until))
	}
	t.Fatalf("four times there was no turn for a %s", name)
}

// ofManyClusters is a fleet of thirty clusters more than the demo's.
func ofManyClusters(t *testing.T, cloud *aws.Cloud) (fleet *ecsops.Fleet, clusters int) {
	t.Helper()
	names := []string{aws.DemoCluster}
	region := cloud.Region(aws.DemoAccount, aws.DemoRegion)
	for n := range 30 {
		name := "other-" + strconv.Itoa(n)
		if _, err := region.AddCluster(aws.ClusterSpec{Name: name}); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: names, Transport: direct{cloud}})
	if err != nil {
		t.Fatal(err)
	}
	return fleet, len(names)
}

// Nor does a look after an operation begin anew for each cluster that it has no turn for.
func TestAftermathGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, _ *ecsops.Fleet) {
		fleet, clusters := ofManyClusters(t, cloud)
		target, _ := drained(t, fleet, aws.DemoClean)
		fleet.Share(5)
		before := len(cloud.Log())
		for attempts := 1; ; attempts++ {
			after, err := fleet.Aftermath(t.Context(), target, true)
			if busy, ok := errors.AsType[*ecsops.BusyError](err); ok && attempts < 20 {
				time.Sleep(time.Until(busy.Until))
				continue
			}
			if again, known := after.Again.Get(); err != nil || !known || len(again) > 0 {
				t.Fatal(attempts, again, known, err)
			}
			if _, count := callsSince(cloud, before); count["ListContainerInstances"] != clusters || attempts < 2 {
				t.Errorf("%d attempts, %v", attempts, count)
			}
			return
		}
	})
}

// What a follow-up read minutes ago, and did not end, is nothing to end a machine upon: whoever asks
// where it is registered again gets what is so now.
func TestRegisteredAgainIsReadAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, cloud *aws.Cloud, _ *ecsops.Fleet) {
		fleet, _ := ofManyClusters(t, cloud)
		target, _ := drained(t, fleet, aws.DemoClean)
		if out := fleet.Do(t.Context(), ecsops.Action{Kind: ecsops.ActForceDeregister, Target: target, Session: "op"}); out.Result != ecsops.OK {
			t.Fatalf("%+v", out)
		}
		fleet.Share(5)
		before := len(cloud.Log())
		_, err := fleet.Aftermath(t.Context(), target, true)
		busy, ok := errors.AsType[*ecsops.BusyError](err)
		calls, _ := callsSince(cloud, before)
		read := slices.DeleteFunc(calls, func(c aws.Call) bool {
			return c.Action != "ListContainerInstances" || c.Outcome != "OK" || !strings.Contains(string(c.Params), "other-")
		})
		if !ok || len(read) == 0 {
			t.Fatal(err, calls)
		}
		var in struct{ Cluster string }
		if err := json.Unmarshal(read[0].Params, &in); err != nil {
			t.Fatal(err)
		}
		if _, err := cloud.ReRegister(aws.DemoClean, in.Cluster[strings.LastIndexByte(in.Cluster, '/')+1:]); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			time.Sleep(time.Until(busy.Until))
			found, err := fleet.RegisteredAgain(t.Context(), target)
			if busy, ok = errors.AsType[*ecsops.BusyError](err); ok {
				continue
			}
			if again, known := found.Get(); err != nil || !known || len(again) != 1 {
				t.Errorf("registered again in %s, and not seen: %v, known %v, %v", in.Cluster, again, known, err)
			}
			return
		}
		t.Error("it never ends")
	})
}
