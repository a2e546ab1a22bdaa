package ecsops

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Volume is an EBS volume of a machine.
type Volume struct {
	ID     string    `json:"id"`
	Device string    `json:"device,omitempty"`
	Root   bool      `json:"root,omitempty"`
	End    VolumeEnd `json:"end,omitempty"`
}

// VolumeEnd is what becomes of a volume when its machine is terminated.
type VolumeEnd string

// Ends of a volume, by DeleteOnTermination of its attachment.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/preserving-volumes-on-termination.html
const (
	VolumeUnsaid  VolumeEnd = ""
	VolumeDeleted VolumeEnd = "deleted"
	VolumeStays   VolumeEnd = "stays"
)

// toVolumes leaves out those that belong to another AWS resource, as the volumes do that ECS
// attaches for a task: they end with that.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ebs-volumes.html
func toVolumes(i ec2types.Instance) []Volume {
	var out []Volume
	for _, b := range i.BlockDeviceMappings {
		if b.Ebs == nil || aws.ToString(b.Ebs.VolumeId) == "" || aws.ToString(b.Ebs.AssociatedResource) != "" {
			continue
		}
		v := Volume{ID: aws.ToString(b.Ebs.VolumeId), Device: aws.ToString(b.DeviceName)}
		v.Root = v.Device != "" && v.Device == aws.ToString(i.RootDeviceName)
		if d := b.Ebs.DeleteOnTermination; d != nil {
			v.End = VolumeStays
			if *d {
				v.End = VolumeDeleted
			}
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Volume) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b Volume) bool { return a.ID == b.ID })
}

// endsMachine reports whether the machine is to end, by whoever's hand.
func endsMachine(s Snapshot, in Intent, p Path) bool {
	g, _ := s.Group.Get()
	return (p.live() || p == PathHostStopped || p == PathMachine) && (in.Terminate != KeepRunning || p == PathManaged || g.Terminating())
}

// volumeRules: T34. A root volume that goes with its machine is what everybody expects; data
// that is lost, and what stays and is billed, is not.
func (j *judge) volumeRules() {
	if len(j.machine.Volumes) == 0 || !endsMachine(j.s, j.in, j.path) {
		return
	}
	f := Finding{Rule: RuleVolumes, Severity: Green, Volumes: j.machine.Volumes, Count: len(j.machine.Volumes)}
	for _, v := range j.machine.Volumes {
		if v.End != VolumeDeleted || !v.Root {
			f.Severity = Amber
		}
	}
	j.add(f)
}

// volumeBasis: a person decides on the disks that the end of the machine takes along.
func volumeBasis(p Plan) []decided {
	e, _ := p.Snapshot.EC2.Get()
	if !endsMachine(p.Snapshot, p.Intent, p.Path) {
		return nil
	}
	var out []decided
	for _, v := range e.Volumes {
		out = append(out, decided{"volume", v.ID, map[VolumeEnd]string{VolumeDeleted: "deleted with the machine", VolumeStays: "stays", VolumeUnsaid: unknownValue}[v.End]})
	}
	return out
}

// Remaining are the volumes that a terminated machine leaves behind, as the plan was made;
// of some EC2 may not have said.
func (p Plan) Remaining() []Volume {
	e, _ := p.Snapshot.EC2.Get()
	return slices.DeleteFunc(slices.Clone(e.Volumes), func(v Volume) bool { return v.End == VolumeDeleted })
}
