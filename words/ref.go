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
