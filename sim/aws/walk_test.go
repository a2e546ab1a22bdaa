package aws_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

// TestRandomWalk does random deeds to the demo estate and checks, after each, what must hold in any estate.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			e := demo(t)
			dice := rand.New(rand.NewPCG(seed, 1))
			var deeds []string
			for range 60 {
				deed := e.deed(dice)
				deeds = append(deeds, deed)
				if wrong := e.wrong(); wrong != "" {
					t.Fatalf("%s\nafter %s", wrong, strings.Join(deeds, "\n      "))
				}
			}
			e.clock.Advance(3 * time.Hour)
			if wrong := e.wrong(); wrong != "" {
				t.Fatalf("three hours later: %s\nafter %s", wrong, strings.Join(deeds, "\n      "))
			}
		})
	}
}

func (e *estate) deed(dice *rand.Rand) string {
	s := e.State()
	i := s.Instances[dice.IntN(len(s.Instances))]
	task := s.Tasks[dice.IntN(len(s.Tasks))]
	update := func(status string) string {
		_, code := e.ecs("UpdateContainerInstancesState", object{"cluster": i.Cluster, "containerInstances": []string{i.ARN}, "status": status})
		return code
	}
	switch dice.IntN(12) {
	case 0, 1:
		return fmt.Sprintln("drain", i.EC2ID, update("DRAINING"))
	case 2:
		return fmt.Sprintln("activate", i.EC2ID, update("ACTIVE"))
	case 3:
		_, code := e.ecs("DeregisterContainerInstance", object{"cluster": i.Cluster, "containerInstance": i.ARN})
		return fmt.Sprintln("deregister", i.EC2ID, code)
	case 4:
		_, code := e.ecs("DeregisterContainerInstance", object{"cluster": i.Cluster, "containerInstance": i.ARN, "force": true})
		return fmt.Sprintln("force", i.EC2ID, code)
	case 5:
		_, code := e.ecs("StopTask", object{"cluster": "prod", "task": task.ARN})
		return fmt.Sprintln("stop", task.ARN, code)
	case 6:
		_, err := e.PlaceTask(i.EC2ID, "worker", "walk")
		return fmt.Sprintln("place", i.EC2ID, err)
	case 7:
		return fmt.Sprintln("disconnect", i.EC2ID, e.DisconnectAgent(i.EC2ID))
	case 8:
		return fmt.Sprintln("connect", i.EC2ID, e.ConnectAgent(i.EC2ID))
	case 9:
		if dice.IntN(3) > 0 {
			return "nothing"
		}
		return fmt.Sprintln("terminate", i.EC2ID, e.TerminateEC2(i.EC2ID))
	case 10:
		_, code := e.query("autoscaling", "TerminateInstanceInAutoScalingGroup", "InstanceId", i.EC2ID, "ShouldDecrementDesiredCapacity", strconv.FormatBool(dice.IntN(2) == 0))
		return fmt.Sprintln("retire", i.EC2ID, code)
	}
	d := time.Duration(dice.IntN(120)) * time.Second
	e.clock.Advance(d)
	return "wait " + d.String()
}

// wrong says what is impossible about the estate, "" for nothing.
func (e *estate) wrong() string {
	s := e.State()
	if wrong := e.Misindexed(); wrong != "" {
		return wrong
	}
	tasks := map[string]aws.TaskState{}
	for _, x := range s.Tasks {
		tasks[x.ARN] = x
		if x.Last == "STOPPED" && x.Desired != "STOPPED" {
			return fmt.Sprintf("STOPPED and wanted: %+v", x)
		}
		if h, ok := s.Host(x.EC2ID); x.Orphan && (!ok || h.State == "terminated") {
			return fmt.Sprintf("an orphan without a host: %+v", x)
		}
	}
	for _, i := range s.Instances {
		if i.Status == "INACTIVE" && i.Alive > 0 {
			return fmt.Sprintf("INACTIVE with tasks: %+v", i)
		}
		if h, ok := s.Host(i.EC2ID); i.Connected && (!ok || h.State == "terminated" && i.Status == "INACTIVE") {
			return fmt.Sprintf("connected from beyond: %+v", i)
		}
	}
	for _, g := range s.Targets {
		x, ok := tasks[g.Task]
		if g.State != "draining" && (!ok || x.Last == "STOPPED" || x.Desired == "STOPPED") {
			return fmt.Sprintf("target %+v of task %+v", g, x)
		}
	}
	for _, x := range s.Services {
		if x.Name != "log-agent" && x.Running+x.Pending > 2*x.Desired { // the daemon waits on draining hosts that it no longer wants
			return fmt.Sprintf("service %+v", x)
		}
	}
	for _, g := range s.Groups {
		if g.Desired < g.Min || g.Desired > g.Max || len(g.Members) > 2*g.Max+2 {
			return fmt.Sprintf("group %+v", g)
		}
	}
	return e.wrongOnTheWire(s)
}

// wrongOnTheWire looks at resources as clients see them.
func (e *estate) wrongOnTheWire(s aws.State) string {
	var arns []string
	for _, i := range s.Instances {
		if strings.HasSuffix(i.Cluster, "/prod") {
			arns = append(arns, i.ARN)
		}
	}
	if len(arns) == 0 {
		return ""
	}
	got := e.must("DescribeContainerInstances", object{"cluster": "prod", "containerInstances": arns})
	for _, v := range list(got, "containerInstances") {
		i := v.(object)
		for _, v := range list(i, "remainingResources") {
			r := v.(object)
			if n, ok := r["integerValue"].(float64); ok && n < 0 {
				return fmt.Sprintf("%v has %v of %v left", i["ec2InstanceId"], n, r["name"])
			}
			seen := map[any]bool{}
			for _, p := range list(r, "stringSetValue") {
				if seen[p] {
					return fmt.Sprintf("%v uses port %v twice", i["ec2InstanceId"], p)
				}
				seen[p] = true
			}
		}
	}
	return ""
}
