package ecsops_test

import (
	"time"

	"ecsbot/ecsops"
)

// typed gives the service here a target group of a type that ECS registers nothing in.
func typed(kind string) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		serve(s, "web", 4, 100, 200, 1)
		balance(s, "web", 4, 0, time.Minute)
		with(&s.TargetGroups, func(m *map[string]ecsops.TargetGroup) {
			g := (*m)["arn:tg/web"]
			g.TargetType = kind
			*m = put(*m, "arn:tg/web", g)
		})
	}
}

// asked is a member of a group with these hooks, whose provider drains.
func asked(edit func(g *ecsops.Group, p *ecsops.CapacityProvider), hooks ...ecsops.Hook) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		owned(s)
		g, _ := s.Group.Get()
		p, _ := s.CapacityProvider.Get()
		edit(&g, &p)
		s.Group, s.CapacityProvider, s.Hooks = ecsops.Known(g), ecsops.Known(p), ecsops.Known(hooks)
	}
}

func groupRows() []row {
	const amber, none = ecsops.Amber, ecsops.Severity("")
	as := func(*ecsops.Group, *ecsops.CapacityProvider) {}
	flush := ecsops.Hook{Name: "flush", Heartbeat: time.Minute, Default: "ABANDON"}
	proceed := ecsops.Hook{Name: "flush", Heartbeat: time.Minute, Default: "CONTINUE"}
	delayed := func(delay time.Duration, here int) func(*ecsops.Snapshot) {
		return func(s *ecsops.Snapshot) {
			serve(s, "web", 4, 100, 200, 1)
			balance(s, "web", 4, here, delay)
		}
	}
	return []row{
		{"T30", "no deregistration delay", amber, ecsops.Intent{}, delayed(0, 1)},
		{"T30", "a Classic load balancer without connection draining", amber, force, func(s *ecsops.Snapshot) { delayed(0, 1)(s); old(s, "web") }},
		{"T30", "a delay of a second is one", none, ecsops.Intent{}, delayed(time.Second, 1)},
		{"T30", "no target here is cut off", none, ecsops.Intent{}, delayed(0, 0)},
		{"T30", "nothing is connected to a ghost", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { delayed(0, 1)(s); ghost(s) }},

		{"T31", "managed draining without the tag", amber, ecsops.Intent{}, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.ManagedTag = false })},
		{"T31", "managed termination protection without the tag", amber, ecsops.Intent{}, asked(func(g *ecsops.Group, p *ecsops.CapacityProvider) {
			g.ManagedTag, p.ManagedDraining, p.TerminationProtection = false, false, true
		})},
		{"T31", "with the tag", none, ecsops.Intent{}, asked(as)},
		{"T31", "nothing is promised", none, ecsops.Intent{}, asked(func(g *ecsops.Group, p *ecsops.CapacityProvider) { g.ManagedTag, p.ManagedDraining = false, false })},
		{"T31", "no group, no tag", none, ecsops.Intent{}, func(s *ecsops.Snapshot) { owned(s); s.Group = ecsops.Known(ecsops.Group{}) }},

		{"T32", "a hook that abandons, through the group", amber, replace, asked(as, flush)},
		{"T32", "a hook that abandons, and the group terminates it already", amber, ecsops.Intent{}, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Lifecycle = "Terminating:Wait" }, flush)},
		{"T32", "nobody terminates it", none, ecsops.Intent{}, asked(as, flush)},
		{"T32", "a hook that continues", none, replace, asked(as, proceed)},
		{"T32", "ECS waits for nothing there", none, replace, asked(func(_ *ecsops.Group, p *ecsops.CapacityProvider) { p.ManagedDraining = false }, flush)},
		{"T32", "ECS may not wait there", none, replace, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.ManagedTag = false }, flush)},

		{"T33", "replace, and nothing launches", amber, replace, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Suspended = []string{"AZRebalance", "Launch"} })},
		{"T33", "shrink needs no launch", none, shrink, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Suspended = []string{"Launch"} })},
		{"T33", "terminations are suspended", amber, shrink, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Suspended = []string{"Terminate"} })},
		{"T33", "others matter not", none, replace, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Suspended = []string{"HealthCheck"} })},
		{"T33", "no termination is asked for", none, ecsops.Intent{}, asked(func(g *ecsops.Group, _ *ecsops.CapacityProvider) { g.Suspended = []string{"Launch", "Terminate"} })},
	}
}
