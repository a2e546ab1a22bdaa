package words

import "ecsbot/ecsops"

// Ref names what a person asked for: "i-… in cluster “prod”, Region “eu-central-1”".
func Ref(r ecsops.Ref) string {
	s := "an instance"
	switch {
	case r.EC2 != "":
		s = Quote(string(r.EC2))
	case r.Instance != "":
		s = "container instance " + Quote(TaskID(string(r.Instance)))
	case r.InstanceID != "":
		s = "container instance " + Quote(r.InstanceID)
	}
	in := ""
	for _, part := range []struct{ label, value string }{
		{"cluster", TaskID(r.Cluster)}, {"account", r.Account}, {"Region", r.Region},
	} {
		if part.value != "" {
			in = joined(", ", in, part.label+" "+Quote(part.value))
		}
	}
	if in == "" {
		return s
	}
	return s + " in " + in
}

// NotFound says that what was asked for is not registered, where it was looked
// for, and what could not be read: it may be there.
func NotFound(r ecsops.Ref, searched []ecsops.ClusterARN, near []string, unreadable []ecsops.Unknown, empty ...ecsops.EmptyCluster) string {
	if len(empty) > 0 && len(empty) == len(searched) && len(unreadable) == 0 {
		return noInstances(empty) + " Nothing was done."
	}
	s := "Not found: " + Ref(r) + ". Nothing was done."
	if len(searched) > 0 {
		names := make([]string, 0, len(searched))
		for _, c := range searched {
			names = append(names, c.Name())
		}
		s += " Looked in " + Count(len(searched), "cluster") + ": " + Some(quoteAll(names), 5) + "."
	}
	if len(unreadable) > 0 {
		s += " It may be where this failed: " + missing(unreadable) + "."
	}
	if len(near) > 0 {
		s += " Similar: " + Some(quoteAll(near), 5) + "."
	}
	return s + " It may be deregistered already, or in a cluster that is not allowed here."
}

// noInstances says of clusters that they have nothing that could be deregistered.
func noInstances(empty []ecsops.EmptyCluster) string {
	return each(empty, func(e ecsops.EmptyCluster) string {
		s := "There are no container instances here: cluster " + Quote(e.Cluster.Name()) + " has none"
		switch {
		case e.Fargate > 0:
			s += "; its " + Count(e.Fargate, "task") + " " + plural(e.Fargate, "runs", "run") + " on Fargate, where AWS owns the machines"
		case e.Fargate == 0:
			s += ", and no task on Fargate either"
		}
		return s
	}) + "."
}
