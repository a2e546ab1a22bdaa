package ecsops

// Later is what follow-ups have seen of a machine since its operation ended.
type Later struct {
	Machine   Fact[EC2] // by the newest read that succeeded; unknown before it
	Looks     int       // looks for another registration that succeeded
	Want      int       // looks that are due in all
	Again     []Reregistration
	Orphans   []TaskRef
	SignedOff bool       // a person answers for the orphans
	Host      *HostSight // the newest look into the machine; nil = it was not looked into
	Unlisted  *Unknown   // why the newest look for registrations brought nothing
	Unseen    *Unknown   // why the newest look at the machine brought nothing
}

// VerifyLater answers V9 and V10, which cannot be known while people wait for the result:
// an agent that lost its registration backs off for up to an hour, and no call of AWS tells
// what a container does that ECS forgot. Neither decides between done and unverified.
func VerifyLater(l Later) []Check { return []Check{l.notRegisteredAgain(), l.orphansEnded()} }

// notRegisteredAgain is V9: the same EC2 id under no other ARN, 10 and 60 minutes later.
// A machine that is gone registers nothing.
func (l Later) notRegisteredAgain() Check {
	c := Check{ID: "V9", Count: l.Looks, Want: l.Want}
	for _, r := range l.Again {
		c.Names = append(c.Names, r.Cluster.Name()+": "+lastPart(string(r.Instance)))
	}
	e, known := l.Machine.Get()
	switch {
	case len(l.Again) > 0:
		c.Result = CheckFailed
	case known && e.Gone():
		c.Result, c.Names, c.Count, c.Want = CheckPassed, []string{e.State}, 0, 0
	case l.Want == 0:
		c.Result = CheckSkipped // nobody follows up: nothing was deregistered
	case l.Looks >= l.Want:
		c.Result = CheckPassed
	case l.Unlisted != nil:
		c.Result, c.Missing = CheckUnknown, l.Unlisted
	default:
		c.Result = CheckPending
	}
	return c
}

// orphansEnded is V10: what a force left behind ended with its machine, was seen there to
// have ended, or a person said so. A look that did not see everything clears nothing.
func (l Later) orphansEnded() Check {
	c := Check{ID: "V10", Result: CheckSkipped}
	if len(l.Orphans) == 0 {
		return c
	}
	c.Want = len(l.Orphans)
	e, known := l.Machine.Get()
	switch {
	case known && e.Gone():
		c.Result, c.Count, c.Names = CheckPassed, c.Want, []string{e.State}
		return c
	case l.Host != nil && l.Host.Clear(l.Orphans):
		c.Result, c.Count, c.At = CheckPassed, c.Want, l.Host.At
		return c
	case l.SignedOff:
		c.Result = CheckSignedOff
		if l.Host != nil && l.Host.Missing == nil {
			c.At = l.Host.At
		}
	case l.Unseen != nil:
		c.Result, c.Missing = CheckUnknown, l.Unseen
	case l.Host != nil && l.Host.Missing != nil:
		c.Result, c.Missing = CheckUnknown, l.Host.Missing
	default:
		c.Result = CheckPending
	}
	left := l.Orphans
	if l.Host != nil && l.Host.Missing == nil && c.Result == CheckPending {
		left, c.At = l.Host.Left(l.Orphans), l.Host.At
		c.Count = c.Want - len(left)
	}
	for _, t := range left {
		c.Names = append(c.Names, t.ID())
	}
	return c
}
