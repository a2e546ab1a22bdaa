package bot_test

import (
	"net/url"
	"time"
)

// spell is a trouble that lasts. Where it alternates, every minute brings another one.
type spell struct {
	until time.Time
	turn  func(n int)
	over  func()
}

// reads are the calls that the bot's look, inspection and verification are made of.
var reads = []string{"DescribeContainerInstances", "ListContainerInstances", "ListTasks", "DescribeTasks", "DescribeServices", "DescribeClusters",
	"DescribeTaskDefinition", "DescribeCapacityProviders", "GetTaskProtection", "DescribeInstances", "DescribeAutoScalingInstances",
	"DescribeAutoScalingGroups", "DescribeLifecycleHooks", "DescribeScalingActivities", "*"}

// ills are what befalls one action: how it begins and how it ends.
var ills = []struct {
	name       string
	begin, end func(s *troubles, action string)
}{
	{"denied", func(s *troubles, a string) { s.cloud.Deny(a) }, func(s *troubles, a string) { s.cloud.Allow(a) }},
	{"throttled", func(s *troubles, a string) { s.cloud.Throttle(a, 1<<30) }, func(s *troubles, a string) { s.cloud.Throttle(a, 0) }},
	{"half throttled", func(s *troubles, a string) { s.cloud.ThrottleRate(a, 0.5) }, func(s *troubles, a string) { s.cloud.ThrottleRate(a, 0) }},
	{"timing out", func(s *troubles, a string) { s.cloud.Delay(a, time.Minute) }, func(s *troubles, a string) { s.cloud.Delay(a, 0) }},
	{"slow", func(s *troubles, a string) { s.cloud.Delay(a, 4*time.Second) }, func(s *troubles, a string) { s.cloud.Delay(a, 0) }},
	{"cut", func(s *troubles, a string) { s.cloud.FailBefore(a, 1<<30) }, func(s *troubles, a string) { s.cloud.FailBefore(a, 0) }},
	{"lost", func(s *troubles, a string) { s.cloud.FailAfterEffect(a, 1<<30) }, func(s *troubles, a string) { s.cloud.FailAfterEffect(a, 0) }},
	{"500", func(s *troubles, a string) { s.air.mark(a, "500") }, func(s *troubles, a string) { s.air.mark(a, "") }},
	{"late", func(s *troubles, a string) { s.air.mark(a, "late") }, func(s *troubles, a string) { s.air.mark(a, "") }},
}

// spells begins, turns and ends what befalls calls.
func (s *troubles) spells(n int) {
	kept := s.going[:0]
	for _, sp := range s.going {
		if time.Now().Before(sp.until) {
			sp.turn(n)
			kept = append(kept, sp)
			continue
		}
		sp.over()
	}
	s.going = kept
	if s.dice.IntN(12) > 0 {
		return
	}
	lengths := []time.Duration{2 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour}
	until := time.Now().Add(lengths[s.dice.IntN(len(lengths))])
	if s.dice.IntN(12) == 0 {
		s.told["Slack down"]++
		s.authority.down.Store(true)
		s.going = append(s.going, spell{until, func(int) {}, func() { s.authority.down.Store(false) }})
		return
	}
	from := reads
	if s.dice.IntN(2) == 0 {
		from = orders
	}
	action := from[s.dice.IntN(len(from))]
	first := ills[s.dice.IntN(len(ills))]
	if s.dice.IntN(3) > 0 {
		s.told[first.name]++
		first.begin(s, action)
		s.going = append(s.going, spell{until, func(int) {}, func() { first.end(s, action) }})
		return
	}
	other := ills[s.dice.IntN(len(ills))]
	s.told[first.name+" and "+other.name]++
	s.going = append(s.going, spell{until, func(n int) {
		begins, ends := first, other
		if n%2 == 1 {
			begins, ends = other, first
		}
		ends.end(s, action)
		begins.begin(s, action)
	}, func() { first.end(s, action); other.end(s, action) }})
}

// others do what they do, with no regard for the bot.
func (s *troubles) others() {
	if s.dice.IntN(25) > 0 {
		return
	}
	state := s.cloud.State()
	kinds := map[string]int{"lone": lones, "member": members, "herd": herd}
	kind := []string{"lone", "member", "herd"}[s.dice.IntN(3)]
	id := machine(kind, s.dice.IntN(kinds[kind]))
	var what string
	var err error
	switch s.dice.IntN(12) {
	case 0:
		what, err = "terminated by others", s.cloud.TerminateEC2(id)
	case 1:
		what, err = "stopped by others", s.cloud.StopEC2(id)
	case 2, 3:
		what, err = "agent lost", s.cloud.DisconnectAgent(id)
	case 4, 5, 6:
		what = "agents back"
		for _, i := range state.Instances {
			if !i.Connected && i.Status != "INACTIVE" {
				_ = s.cloud.ConnectAgent(i.EC2ID) // not of what does not run
			}
		}
	case 7:
		what, err = "protected from scale-in", s.cloud.ProtectFromScaleIn(machine("member", s.dice.IntN(members)), s.dice.IntN(2) == 0)
	case 8:
		what, err = "group suspended", s.cloud.Suspend(groupName, "Terminate", s.dice.IntN(2) == 0)
	case 9:
		what = "task protected"
		if tasks := state.TasksOn(id); len(tasks) > 0 {
			err = s.cloud.ProtectTask(tasks[0].ARN, time.Hour)
		}
	case 10:
		what = "task placed"
		if i, ok := state.Instance(id); ok && i.Status == "ACTIVE" && i.Connected {
			_, err = s.cloud.PlaceTask(id, "web", "somebody")
		}
	case 11:
		what, err = "hook completed", s.cloud.CompleteHook(machine("member", s.dice.IntN(members)), "farewell", "CONTINUE")
	}
	if err == nil {
		s.told[what]++
	}
}

func formValue(body []byte, key string) string {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get(key)
}
