package policy

import (
	"slices"
	"strings"

	"ecsbot/ecsops"
)

// Decide answers a request. It is pure, and denies by default: an unknown
// action, a missing fact, an empty list all refuse. Reasons come in the order
// of the table of checks, and every reason that applies is given.
//
// Allow means that nothing is missing; Require that the act may go on once the
// requirements are met; Refuse that it may not. Taking a fact about the person
// or the channel away never turns a refusal into anything else.
func Decide(rules Rules, r Request) Verdict {
	var reasons []Reason
	for _, c := range checks() {
		if c.asked(r) && c.fails(rules, r) {
			reasons = append(reasons, c.reason)
		}
	}
	if len(reasons) > 0 {
		return Verdict{Effect: Refuse, Reasons: reasons}
	}
	lacking := missing(r)
	if len(lacking) == 0 {
		return Verdict{Effect: Allow}
	}
	v := Verdict{Effect: Require, Requirements: lacking}
	if slices.Contains(lacking, SecondPerson) {
		v.Reasons = []Reason{ReasonNeedsApproval}
	}
	return v
}

// needs says what an action depends on beside a person's right to it.
type needs struct {
	role    role
	channel bool // live facts of a listed channel
	cluster bool // a listed cluster, as soon as one is named
	plan    bool // findings decide
}

type role int

const (
	nobody role = iota
	operator
	approver
	either
)

// needsOf is who may do what, and what else is looked at. What it does not name
// nobody may do.
func needsOf(a Action) needs {
	switch a {
	case Read: // a list or a plan tells a stranger how production is built
		return needs{role: either, channel: true, cluster: true}
	case Propose: // asks people to decide
		return needs{role: operator, channel: true, cluster: true}
	case Confirm: // starts the work
		return needs{role: operator, channel: true, cluster: true, plan: true}
	case Approve: // the second person's yes
		return needs{role: approver, channel: true, cluster: true, plan: true}
	case Deny: // ends a proposal, changes nothing in AWS
		return needs{role: approver, channel: true}
	case Stop: // undo must work while Slack cannot be asked about the channel, and after the lists became shorter
		return needs{role: either}
	case Wait: // keeps the instance draining
		return needs{role: operator, channel: true, cluster: true}
	case Force: // leaves tasks running that nobody watches
		return needs{role: operator, channel: true, cluster: true, plan: true}
	case StopTasks: // ends work that nobody starts again
		return needs{role: operator, channel: true, cluster: true, plan: true}
	case Cancel: // ends a proposal, changes nothing in AWS
		return needs{role: either, channel: true}
	case SignOff: // a person's word instead of a look at the host
		return needs{role: operator, channel: true, cluster: true}
	case LookHost: // sends a command to the machine, which only reads
		return needs{role: operator, channel: true, cluster: true}
	case Clean: // the work starts on each ghost only when it is proven again
		return needs{role: operator, channel: true, cluster: true}
	case Execute: // asked for those who decided, wherever they are now
		return needs{role: operator, cluster: true, plan: true}
	}
	return needs{}
}

// check is one rule: when it is asked, and when it refuses.
type check struct {
	reason Reason
	why    string
	asked  func(Request) bool
	fails  func(Rules, Request) bool
}

// checks is the policy, in the order in which reasons are given.
func checks() []check {
	return slices.Concat(personChecks(), roleChecks(), placeChecks(), planChecks())
}

func personChecks() []check {
	standing := func(bad func(Standing) bool) func(Rules, Request) bool {
		return func(_ Rules, r Request) bool {
			s, known := r.Person.Facts.Get()
			return known && bad(s)
		}
	}
	return []check{
		{ReasonUnknownAction, "what the table does not name, nobody may do", always, func(_ Rules, r Request) bool {
			return needsOf(r.Action).role == nobody
		}},
		{ReasonUnmapped, "an operating-system user is nobody until the configuration names a Slack user", atTerminal, func(_ Rules, r Request) bool {
			return r.Person.UserID == "" && r.Action != Read
		}},
		{ReasonPersonUnknown, "whoever is not known for certain is a stranger", faceChecked, func(_ Rules, r Request) bool {
			_, known := r.Person.Facts.Get()
			return !known || r.Person.UserID == "" || r.Person.TeamID == "" && r.Person.EnterpriseID == ""
		}},
		{ReasonOtherWorkspace, "Slack Connect shows our messages to other companies", faceChecked, standing(func(s Standing) bool { return !s.HomeTeam })},
		{ReasonStranger, "Slack Connect shows our messages to other companies", faceChecked, standing(func(s Standing) bool { return s.Stranger })},
		{ReasonGuest, "a guest is invited to talk", faceChecked, standing(func(s Standing) bool { return s.Restricted || s.UltraRestricted })},
		{ReasonDeactivated, "the person left", faceChecked, standing(func(s Standing) bool { return s.Deleted })},
		{ReasonBot, "a decision is a person's", faceChecked, standing(func(s Standing) bool { return s.Bot })},
	}
}

func roleChecks() []check {
	has := func(want role, list func(Rules) []string) (func(Request) bool, func(Rules, Request) bool) {
		asked := func(r Request) bool { return needsOf(r.Action).role == want && !freeRead(r) }
		return asked, func(rules Rules, r Request) bool {
			in, groupsMissing := member(list(rules), r.Person)
			return !in && !groupsMissing
		}
	}
	asked1, fails1 := has(operator, func(r Rules) []string { return r.Operators })
	asked2, fails2 := has(either, bothLists)
	asked3, fails3 := has(approver, func(r Rules) []string { return r.Approvers })
	return []check{
		{ReasonGroupsUnknown, "membership that cannot be read is none", func(r Request) bool { return !freeRead(r) }, func(rules Rules, r Request) bool {
			in, groupsMissing := member(listFor(rules, r.Action), r.Person)
			return !in && groupsMissing
		}},
		{ReasonNotOperator, "deny by default", asked1, fails1},
		{ReasonNotOperator, "deny by default", asked2, fails2},
		{ReasonNotApprover, "deny by default", asked3, fails3},
		{ReasonSelfApproval, "two people means two", approving, func(_ Rules, r Request) bool {
			return r.Person.UserID == r.Requester || r.Requester == ""
		}},
		{ReasonAlreadyApproved, "one person's yes counts once", approving, func(_ Rules, r Request) bool {
			return slices.Contains(r.Approvals, r.Person.UserID)
		}},
	}
}

func placeChecks() []check {
	place := func(bad func(Place) bool) func(Rules, Request) bool {
		return func(_ Rules, r Request) bool {
			p, known := r.Channel.Facts.Get()
			return known && bad(p)
		}
	}
	return []check{
		{ReasonChannelUnknown, "a channel that cannot be read may be shared with anyone", inChannel, func(_ Rules, r Request) bool {
			_, known := r.Channel.Facts.Get()
			return !known || r.Channel.ID == "" || r.Channel.Terminal
		}},
		{ReasonChannelShared, "people of another company read along", inChannel, place(func(p Place) bool { return p.ExtShared })},
		{ReasonChannelArchived, "nobody watches an archived channel", inChannel, place(func(p Place) bool { return p.Archived })},
		{ReasonChannelNotListed, "deny by default", inChannel, func(rules Rules, r Request) bool {
			return r.Channel.ID != "" && !listed(rules.Channels, r.Channel.ID)
		}},
		{ReasonClusterNotListed, "deny by default", ofCluster, func(rules Rules, r Request) bool {
			return r.Cluster == "" || !listed(rules.Clusters, string(r.Cluster))
		}},
		{ReasonRegionNotListed, "deny by default", ofCluster, func(rules Rules, r Request) bool {
			return r.Cluster != "" && !regionListed(rules, r.Cluster)
		}},
	}
}

func planChecks() []check {
	return []check{
		{ReasonPlanUnknown, "nobody decides on what was not read", ofCluster, func(_ Rules, r Request) bool {
			if r.Plan == nil {
				return needsOf(r.Action).plan
			}
			return r.Plan.Snapshot.Target.Cluster != r.Cluster
		}},
		{ReasonReuse, "AWS: every task is stopped before the machine is used for something else, and a force stops none", judgesPlan, func(_ Rules, r Request) bool {
			return r.Plan.Intent.Purpose == ecsops.Reuse && (r.Plan.Intent.Force || r.Plan.Has(ecsops.StepForce))
		}},
		{ReasonBarred, "R10 and R11: no approval makes them right", judgesPlan, func(_ Rules, r Request) bool { return barred(*r.Plan) }},
		{ReasonNotGhost, "the machine is not proven gone: that wants a plan of its own", cleaning, func(_ Rules, r Request) bool { return !Cleanable(*r.Plan) }},
		{ReasonNoApprovers, "a second person is required and there is none", judgesPlan, func(rules Rules, r Request) bool {
			return secondPerson(*r.Plan) && !someoneElse(rules.Approvers, requester(r))
		}},
	}
}

func always(Request) bool { return true }

func atTerminal(r Request) bool { return r.Person.Terminal }

// freeRead is a read at a terminal: whoever may run the program there reads the
// same database and the same AWS account without it.
func freeRead(r Request) bool { return r.Person.Terminal && r.Action == Read }

// faceChecked is false at a terminal for what must work while Slack is down:
// the configuration vouches for the person, and a stop only undoes.
func faceChecked(r Request) bool {
	return !r.Person.Terminal || r.Action != Read && r.Action != Stop
}

func approving(r Request) bool { return r.Action == Approve }

func cleaning(r Request) bool { return r.Action == Clean && r.Plan != nil }

func inChannel(r Request) bool { return needsOf(r.Action).channel && !freeRead(r) }

// ofCluster is false for a read or a proposal before the cluster is known.
func ofCluster(r Request) bool {
	n := needsOf(r.Action)
	return n.cluster && (n.plan || r.Action == Wait || r.Action == SignOff || r.Action == LookHost || r.Action == Clean || r.Cluster != "" || r.Plan != nil)
}

func judgesPlan(r Request) bool {
	return r.Plan != nil && (needsOf(r.Action).plan || r.Action == Propose)
}

// missing lists what an allowed request still lacks.
func missing(r Request) []Requirement {
	if !judgesPlan(r) || r.Action == Approve {
		return nil
	}
	return slices.DeleteFunc(Needs(*r.Plan), func(n Requirement) bool {
		switch n {
		case SecondPerson:
			return approvedByOther(r)
		case TypedID:
			return r.Action == Execute // the decision was typed and recorded
		}
		return false
	})
}

func barred(p ecsops.Plan) bool {
	if p.Intent.Purpose == ecsops.Move {
		return true
	}
	return slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool {
		return f.Bars || f.Rule == ecsops.RuleMove || f.Rule == ecsops.RuleOwnHost
	})
}

// requester is who asked for the plan: the person, while the plan is proposed.
func requester(r Request) string {
	if r.Requester != "" {
		return r.Requester
	}
	return r.Person.UserID
}

func approvedByOther(r Request) bool {
	return slices.ContainsFunc(r.Approvals, func(id string) bool { return id != "" && id != requester(r) })
}

// someoneElse reports whether the list names, or a group in it may hold, another person.
func someoneElse(list []string, user string) bool {
	return slices.ContainsFunc(list, func(id string) bool { return isPersonOrGroup(id) && id != user })
}

// isPersonOrGroup keeps "*" and blanks out: people are named, one by one or by group.
func isPersonOrGroup(id string) bool { return id != "" && id != "*" }

func isGroup(id string) bool { return strings.HasPrefix(id, "S") }

func bothLists(r Rules) []string { return slices.Concat(r.Operators, r.Approvers) }

func listFor(rules Rules, a Action) []string {
	switch needsOf(a).role {
	case operator:
		return rules.Operators
	case approver:
		return rules.Approvers
	case either:
		return bothLists(rules)
	}
	return nil
}

// member reports whether a person is in a list by id or by group, and whether
// the answer hangs on groups that could not be read.
func member(list []string, p Person) (in, groupsMissing bool) {
	groups, known := p.Groups.Get()
	for _, id := range list {
		switch {
		case !isPersonOrGroup(id):
		case isGroup(id):
			in = in || slices.Contains(groups, id)
			groupsMissing = groupsMissing || !known
		default:
			in = in || p.UserID == id
		}
	}
	return in, groupsMissing && !in
}

func listed(list []string, id string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, id)
}

// regionListed: without REGIONS, the Regions of the clusters that are named. A
// "*" for clusters names no Region.
func regionListed(rules Rules, c ecsops.ClusterARN) bool {
	if len(rules.Regions) > 0 {
		return slices.Contains(rules.Regions, c.Region())
	}
	return slices.ContainsFunc(rules.Clusters, func(id string) bool {
		return c.Region() != "" && ecsops.ClusterARN(id).Region() == c.Region()
	})
}
