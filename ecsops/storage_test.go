package ecsops_test

import (
	"testing"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// The type of a machine that is to end tells whether data is lost that no volume shows.
func TestStorage(t *testing.T) {
	e := demo(t)
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: "i-0a1b2c3d4e5f60009", Type: "m6id.large"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, id string
		in       ecsops.Intent
		want     ecsops.Storage
		lost     bool
	}{
		{"it stays", "i-0a1b2c3d4e5f60009", ecsops.Intent{Purpose: ecsops.Retire}, ecsops.Storage{}, false},
		{"it ends, with its disks", "i-0a1b2c3d4e5f60009", endIt, ecsops.Storage{Asked: true, Local: true}, true},
		{"it ends, and has none", aws.DemoClean, endIt, ecsops.Storage{Asked: true}, false},
		{"its group ends it", aws.DemoGroupA, ecsops.Intent{Purpose: ecsops.Retire, Terminate: ecsops.Replace}, ecsops.Storage{Asked: true}, false},
	} {
		p, err := e.Preview(ecsops.Reading(t.Context(), c.in), ecsops.Ref{EC2: ecsops.EC2ID(c.id)})
		if err != nil {
			t.Fatal(err)
		}
		got, known := p.Snapshot.Storage.Get()
		lost := false
		for _, f := range ecsops.NewPlan(p.Snapshot, c.in).Findings {
			for _, n := range f.Names {
				lost = lost || f.Rule == ecsops.RuleLocalData && n == "instance store"
			}
		}
		if !known || got != c.want || lost != c.lost {
			t.Errorf("%s: %+v (known %t), lost %t", c.name, got, known, lost)
		}
	}
	e.forget()
	if _, err := e.Preview(ecsops.Reading(t.Context(), endIt), ecsops.Ref{EC2: "i-0a1b2c3d4e5f60009"}); err != nil {
		t.Fatal(err)
	}
	for _, call := range e.seen() {
		if call.Operation == "DescribeInstanceTypes" {
			t.Error("a type is asked for twice, and never changes")
		}
	}
}

// A group that is ending the machine by itself loses its disks, too; a type that cannot be read is a missing fact.
func TestStorageUnasked(t *testing.T) {
	e := demo(t)
	if err := e.Retire(aws.DemoGroupA, false); err != nil {
		t.Fatal(err)
	}
	if got, _ := e.preview(aws.DemoGroupA).Storage.Get(); !got.Asked {
		t.Errorf("%+v", got)
	}
	fresh := demo(t)
	fresh.Deny("DescribeInstanceTypes")
	p, err := fresh.Preview(ecsops.Reading(t.Context(), endIt), ecsops.Ref{EC2: aws.DemoBatch})
	if err != nil {
		t.Fatal(err)
	}
	if why := p.Snapshot.Storage.Why(); why.Call != "ec2:DescribeInstanceTypes" || !has(ecsops.NewPlan(p.Snapshot, endIt), ecsops.RuleIncomplete) {
		t.Errorf("%+v", why)
	}
}
