package ecsops

// implied is the intent with what its purpose implies. To reuse a machine AWS recommends to
// stop every task before the deregistration, so every standalone task counts as ticked.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterContainerInstance.html
func (in Intent) implied(s Snapshot) Intent {
	if in.Purpose != Reuse {
		return in
	}
	in.StopTasks = nil
	tasks, _ := s.Tasks.Get() // unknown: A12 is red, and nothing is stopped that nobody saw
	for _, t := range tasks {
		if t.Class == Standalone && !t.Stopped() && !t.Stopping() {
			in.StopTasks = append(in.StopTasks, t.ARN)
		}
	}
	return in
}

// intentRules: R10, T20 and T21. What a person wants the instance for decides what may be
// done to it.
func (j *judge) intentRules() {
	switch j.in.Purpose {
	case Move: // an instance never goes to another cluster
		j.add(Finding{Rule: RuleMove, Severity: Red, Bars: true})
	case Reuse:
		j.reuseRules()
	case CleanGhost:
		j.ghostOnly()
	case Retire, EndMachine:
	}
}

func (j *judge) reuseRules() {
	switch why := j.noReuse(); {
	case j.path == PathGone:
		return // T10 says so, and there is nothing to do
	case why != "":
		f := Finding{Rule: RuleIntent, Severity: Red, Bars: true, Names: kept1(why)}
		if u := j.s.EC2.Why(); why == "reuse_machine_unknown" {
			u.Fact = "ec2"
			f.Missing = []Unknown{u}
		}
		j.add(f)
	case j.path.live() || j.path == PathHostStopped:
		j.add(Finding{Rule: RuleReuse, Severity: Amber, Names: j.reuseOf()})
	}
}

// noReuse says why the machine cannot be reused as asked, or "".
func (j *judge) noReuse() string {
	_, tasksKnown := j.s.Tasks.Get()
	switch {
	case j.in.Force:
		return "reuse_force"
	case j.in.Terminate != KeepRunning:
		return "reuse_terminate"
	case !j.s.EC2.known:
		return "reuse_machine_unknown"
	case j.machine.Gone():
		return "reuse_gone"
	case j.path == PathManaged:
		return "reuse_managed"
	case !j.s.Group.known:
		return "reuse_owner_unknown"
	case j.group.Terminating():
		return "reuse_terminating"
	case j.path == PathHostStopped && (!tasksKnown || len(j.tasks) > 0):
		return "reuse_stopped"
	}
	return ""
}

// reuseOf is what reuse must heed of this machine: its group's name, "bottlerocket".
func (j *judge) reuseOf() []string {
	var out []string
	if i, _ := j.s.Instance.Get(); i.Bottlerocket {
		out = append(out, ReuseBottlerocket)
	}
	return append(out, kept1(j.group.Name)...)
}

// ReuseBottlerocket is the name in RuleReuse's finding of a host that runs Bottlerocket.
const ReuseBottlerocket = "bottlerocket"

// ghostOnly: who wants a ghost's registration removed has decided on nothing else.
func (j *judge) ghostOnly() {
	if !j.s.Instance.known || j.path == PathGhost || j.path == PathGone {
		return
	}
	f := Finding{Rule: RuleIntent, Severity: Red, Bars: true, Names: kept1("ghost_"+string(j.path), j.machine.State)}
	if u := j.s.EC2.Why(); !j.s.EC2.known {
		u.Fact = "ec2"
		f.Missing = []Unknown{u}
	}
	j.add(f)
}
