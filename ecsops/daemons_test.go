package ecsops_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

const managedID = "i-0a1b2c3d4e5f60021"

// withManagedDaemons adds a Managed Instance with a critical daemon, one that is not, and a task of no service.
func withManagedDaemons(c *aws.Cloud) error {
	if err := c.Demo(); err != nil {
		return err
	}
	r := c.Region(aws.DemoAccount, aws.DemoRegion)
	add := []func() (string, error){
		func() (string, error) {
			return r.AddProvider(aws.ProviderSpec{Name: "mi-cp", ManagedInstances: true, Cluster: aws.DemoCluster})
		},
		func() (string, error) {
			return r.AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: managedID, Managed: true, Provider: "mi-cp"})
		},
		func() (string, error) {
			return r.AddDaemon(aws.DaemonSpec{Cluster: aws.DemoCluster, Name: "agent", CPU: 64, Memory: 64, Providers: []string{"mi-cp"}})
		},
		func() (string, error) {
			return r.AddDaemon(aws.DaemonSpec{Cluster: aws.DemoCluster, Name: "metrics", CPU: 64, Memory: 64, Providers: []string{"mi-cp"}, NonCritical: true})
		},
		func() (string, error) {
			return r.RunTask(aws.TaskSpec{Cluster: aws.DemoCluster, TaskDefinition: "worker", On: managedID})
		},
	}
	for _, one := range add {
		if _, err := one(); err != nil {
			return err
		}
	}
	return nil
}

// Managed daemons are told from tasks of no service, end with their machine, and are never offered for stopping.
func TestManagedDaemons(t *testing.T) {
	e := over(t, withManagedDaemons)
	s := e.preview(managedID)
	if u := s.Unknowns(); len(u) > 0 {
		t.Fatalf("unknown: %v", u)
	}
	daemons, _ := s.Daemons.Get()
	var got []ecsops.DaemonOf
	tasks, _ := s.Tasks.Get()
	for _, task := range tasks {
		d, ok := daemons[task.ARN]
		if want := ecsops.Standalone; ok != (task.Class == ecsops.ManagedDaemon) || !ok && task.Class != want {
			t.Errorf("%s: class %s, daemon %t", task.TaskDefinition, task.Class, ok)
		}
		if ok {
			got = append(got, d)
		}
	}
	slices.SortFunc(got, func(a, b ecsops.DaemonOf) int { return len(a.Name) - len(b.Name) })
	if d := cmp.Diff([]ecsops.DaemonOf{{Name: "agent", Critical: true}, {Name: "metrics"}}, got); d != "" || len(tasks) != 3 {
		t.Errorf("%d tasks, %s", len(tasks), d)
	}
	for _, force := range []bool{false, true} {
		p := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Force: force})
		f := finding(t, p, ecsops.RuleManagedDaemon)
		if len(f.Tasks) != 2 || !slices.Equal(f.Names, []string{"agent"}) || f.Severity != ecsops.Green {
			t.Errorf("force %t: %+v", force, f)
		}
		for _, fate := range p.Fates {
			if (fate.Fate == ecsops.FateEnds) != (fate.Task.Class == ecsops.ManagedDaemon) {
				t.Errorf("force %t: %s %s", force, fate.Task.Name, fate.Fate)
			}
		}
		if lost := p.Lost(); force && len(lost) != 1 {
			t.Errorf("lost by force: %v", lost)
		}
	}
}

// What is not known of daemons is careful: they count as tasks of no service, or as critical ones.
func TestManagedDaemonsUnread(t *testing.T) {
	for _, action := range []string{"ListDaemons", "DescribeDaemon", "DescribeDaemonRevisions"} {
		e := over(t, withManagedDaemons)
		e.Deny(action)
		p := plan(e.preview(managedID))
		if why := p.Snapshot.Daemons.Why(); why.Call != "ecs:"+action || why.Reason != "AccessDeniedException" {
			t.Errorf("%s: %v", action, why)
		}
		if f := finding(t, p, ecsops.RuleStandaloneTask); len(f.Tasks) != 3 || !has(p, ecsops.RuleIncomplete) {
			t.Errorf("%s: %d tasks of no service, %s", action, len(f.Tasks), rules(p))
		}
	}
}

// Nobody else is asked about daemons.
func TestDaemonsOfNobodyElse(t *testing.T) {
	e := over(t, withManagedDaemons)
	e.preview(aws.DemoGroupA)
	for _, c := range e.seen() {
		if c.Operation == "ListDaemons" {
			t.Error("daemons of an instance that ECS does not manage are asked for")
		}
	}
}

// ECS replaces an instance whose critical daemon was stopped: a plan that was shown before is another one then.
func TestStoppedCriticalDaemonDrains(t *testing.T) {
	e := over(t, withManagedDaemons)
	s := e.preview(managedID)
	daemons, _ := s.Daemons.Get()
	for arn, d := range daemons {
		if d.Critical {
			if err := e.EndTask(arn); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.clock.Advance(30 * time.Second)
	if changes := ecsops.Diff(plan(s), plan(e.preview(managedID))); !slices.ContainsFunc(changes, func(c ecsops.Change) bool { return c.What == "status" && c.After == "DRAINING" }) {
		t.Errorf("%v", changes)
	}
}
