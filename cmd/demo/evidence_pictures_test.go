package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"

	"ecsbot/sim/stage"
)

// evidenceScale is smaller than that of the pictures that README shows: there are many.
const evidenceScale = 1

// shot is one picture of docs/evidence.md: what people do and what is done to AWS, in lines
// of the stage, and the message that is kept then.
type shot struct{ name, lines, message string }

// plans are cards that wait for a decision.
func plans() []shot {
	return []shot{
		{"empty", "machine i-0a1b2c3d4e5f60041 prod prod-41\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60041 prod'", "60041"},
		{"standalone", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60002 prod'", "60002.*nightly-report"},
		{"protected", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60004 prod'", "60004.*protected until"},
		{"group", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60006 prod --terminate'", "60006.*Retire through the group"},
		{"ghost", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60007 prod'", "60007.*Safe to clean up"},
		{"agent", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60008 prod'", "60008.*agent does not answer"},
		{"last", "say olga ops '/ecs deregister i-0a1b2c3d4e5f70001 staging'", "70001.*Last working instance"},
		{"shop", `add host EC2ID=i-0a1b2c3d4e5f60031 Cluster=prod AZ=eu-central-1d Type=m6i.2xlarge CPU=8192 Memory=31640 Tags=Name=prod-31
add targets Name=shop Type=instance Port=80 DeregistrationWait=20s Balancer=prod
add definition Family=shop CPU=256 Memory=512 StopTimeout=40m Ports='[{"ContainerPort":9000}]'
add service Cluster=prod Name=shop TaskDefinition=shop Desired=1 MinPercent=0 MaxPercent=100 Balancers=shop:9000 On=i-0a1b2c3d4e5f60031
break deployment id=arn:aws:ecs:eu-central-1:123456789012:service/prod/shop on=true
say olga ops '/ecs deregister i-0a1b2c3d4e5f60031 prod'`, "60031.*R2.*R4"},
		{"edge", `add host EC2ID=i-0a1b2c3d4e5f60032 Cluster=prod Type=m6i.4xlarge CPU=16384 Memory=63640 Attributes=edge:true Tags=Name=prod-32
add targets Name=edge Type=instance Port=8443 DeregistrationWait=20s Balancer=prod
add definition Family=edge CPU=64 Memory=128 NetworkMode=host Ports='[{"ContainerPort":8443,"HostPort":8443}]'
add service Cluster=prod Name=edge TaskDefinition=edge Daemon=true MinPercent=0 MaxPercent=100 Constraints='attribute:edge exists' Balancers=edge:8443 On=i-0a1b2c3d4e5f60032
add definition Family=sidecar CPU=64 Memory=128
add service Cluster=prod Name=sidecar TaskDefinition=sidecar Desired=1 MinPercent=100 MaxPercent=200 Constraints='task:group == service:edge' On=i-0a1b2c3d4e5f60032
add definition Family=giant CPU=1024 Memory=40000
add service Cluster=prod Name=giant TaskDefinition=giant Desired=1 MinPercent=100 MaxPercent=200 On=i-0a1b2c3d4e5f60032
say olga ops '/ecs deregister i-0a1b2c3d4e5f60032 prod'`, "60032.*R3.*A5"},
		{"many", `add host EC2ID=i-0a1b2c3d4e5f60042 Cluster=prod Type=m6i.2xlarge CPU=8192 Memory=31640
add definition Family=many CPU=2 Memory=8
add service Cluster=prod Name=many TaskDefinition=many Desired=120 MinPercent=100 MaxPercent=200 On=i-0a1b2c3d4e5f60042*120
add service Cluster=prod Name=few-{1..12} TaskDefinition=many Desired=1 MinPercent=100 MaxPercent=200 On=i-0a1b2c3d4e5f60042
say olga ops '/ecs deregister i-0a1b2c3d4e5f60042 prod'`, "60042.*132"},
		{"burst", "add definition Family=burst CPU=1024 Memory=20000\n" +
			"add service Cluster=prod Name=burst TaskDefinition=burst Desired=2 MinPercent=100 MaxPercent=200 Strategy=prod-cp On=i-0a1b2c3d4e5f60005,i-0a1b2c3d4e5f60006\n" +
			"say olga ops '/ecs deregister i-0a1b2c3d4e5f60006 prod'", "60006.*T12"},
		{"external", "add host EC2ID=mi-0a1b2c3d4e5f60061 Cluster=prod\nsay olga ops '/ecs deregister mi-0a1b2c3d4e5f60061 prod'", "mi-0a1b2c3d4e5f60061.*T9"},
		{"managed", "add provider Name=managed-cp ManagedInstances=true Cluster=prod\n" +
			"add host EC2ID=i-0a1b2c3d4e5f60062 Cluster=prod Managed=true Provider=managed-cp\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60062 prod'", "60062.*R7"},
		{"spot", "machine i-0a1b2c3d4e5f60009 prod spot-1 spot\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60009 prod'", "60009.*Spot"},
		{"denied", "break deny action=DescribeTargetHealth\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'\nsee ops '60001.*A12'\nbreak allow action=DescribeTargetHealth", "60001.*A12"},
		{"draining", `someone ecs UpdateContainerInstancesState '{"cluster":"prod","containerInstances":["c0ffee00000000000000000000060005"],"status":"DRAINING"}'
say olga ops '/ecs deregister i-0a1b2c3d4e5f60005 prod'`, "60005.*A8"},
		{"stopped", "machine i-0a1b2c3d4e5f60011 staging staging-2\nbreak stop-ec2 id=i-0a1b2c3d4e5f60011\nhost i-0a1b2c3d4e5f60011 stopped\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60011 staging'", "60011.*T6"},
	}
}

// refusals are what one person alone sees.
func refusals() []shot {
	return []shot{
		{"ghosts", "say olga ops '/ecs ghosts'", "ghosts? found"},
		{"minimum", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60006 prod --terminate=shrink'", "60006.*at its minimum|at its minimum"},
		{"move", "say olga ops '/ecs deregister i-0a1b2c3d4e5f60001 prod --intent=move'", "R10"},
		{"twice", "machine i-0a1b2c3d4e5f60043 prod prod-43\nbreak re-register id=i-0a1b2c3d4e5f60043 extra=prod\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60043'", "more than once"},
		{"gone", "say olga ops '/ecs deregister c0ffee00000000000000000000099999 prod'", "Not found"},
		{"own-host", "stop\nhosted i-0a1b2c3d4e5f60001 prod\nstart\nsay olga ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'", "R11"},
	}
}

// works are cards of operations under way and at their end.
func works() []shot {
	return []shot{
		{"asked", `pace 60
say olga ops '/ecs deregister i-0a1b2c3d4e5f60003 prod --deadline 3m'
click olga ops confirm 60003
click ana ops approve 60003`, "60003.*Wait longer, undo, or force"},
		{"replaced", `pace 120
say olga ops '/ecs deregister i-0a1b2c3d4e5f60005 prod --terminate'
click olga ops confirm 60005`, "60005 is deregistered.*V8"},
	}
}

// surprises are what came otherwise.
func surprises() []shot {
	return []shot{
		{"changed", `pace 10
say olga ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
see ops '60001.*Drain and deregister'
break place-task id=i-0a1b2c3d4e5f60001 extra=nightly-report
click olga ops confirm 60001`, "60001.*Changed since the plan was shown"},
		{"orphans", `pace 60
say olga ops '/ecs deregister i-0a1b2c3d4e5f60002 prod'
click olga ops force 60002
fill olga typed typed i-0a1b2c3d4e5f60002
submit olga
click ana ops approve 60002`, "60002 is deregistered.*What remains"},
		{"held", `say olga ops '/ecs deregister i-0a1b2c3d4e5f60004 prod'
break spare-protected on=true
click olga ops confirm 60004
click ana ops approve 60004
pace 60
see ops '60004.*What holds it.*encoder:4.*Protected'
pace 10`, "60004.*What holds it"},
	}
}

// evidencePictures takes them, a fresh playground for each kind.
func evidencePictures(t *testing.T) {
	for _, kind := range []struct {
		name  string
		shots []shot
	}{{"plans", plans()}, {"refusals", refusals()}, {"works", works()}, {"surprises", surprises()}} {
		t.Run(kind.name, func(t *testing.T) {
			p, on := studioOn(t, window, 10, "theme=light")
			for _, one := range kind.shots {
				enact(t, on, one.lines)
				p.keep(one.name, p.portraitAt(p.card(p.messages("ops"), one.message), evidenceScale))
			}
		})
	}
}

// enact plays lines of the stage.
func enact(t *testing.T, on *stage.Stage, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		words, err := shellquote.Split(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := on.Do(t.Context(), words); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryPictureIsMade: what lies in docs/pictures is what make pictures makes, no less
// and no more.
func TestEveryPictureIsMade(t *testing.T) {
	var made []string
	for _, one := range slices.Concat(plans(), refusals(), works(), surprises()) {
		made = append(made, one.name)
	}
	source, err := os.ReadFile("pictures_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\.keep\("([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		made = append(made, m[1])
	}
	kept, err := filepath.Glob(filepath.Join(pictures, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range kept {
		names = append(names, strings.TrimSuffix(filepath.Base(k), ".png"))
	}
	slices.Sort(made)
	if !slices.Equal(made, names) {
		t.Errorf("made:\n%q\nkept:\n%q", made, names)
	}
}
