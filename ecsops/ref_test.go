package ecsops_test

import (
	"errors"
	"strings"
	"testing"

	"ecsbot/ecsops"
)

const (
	hexID  = "0123456789abcdef0123456789abcdef"
	uuidID = "01234567-89ab-cdef-0123-456789abcdef"
	ec2ID  = "i-0123456789abcdef0"
	newARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/Prod/" + hexID
	oldARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/" + uuidID
)

func TestParseRef(t *testing.T) {
	full := ecsops.Ref{Instance: newARN, Cluster: "Prod", Account: "123456789012", Region: "eu-west-1"}
	for _, c := range []struct {
		why, text string
		want      ecsops.Ref
	}{
		{"plain", ec2ID, ecsops.Ref{EC2: ec2ID}},
		{"eight digits, launched before 2016", "i-0a1b2c3d", ecsops.Ref{EC2: "i-0a1b2c3d"}},
		{"managed node", "mi-0123456789abcdef0", ecsops.Ref{EC2: "mi-0123456789abcdef0"}},
		{"upper case", strings.ToUpper(ec2ID), ecsops.Ref{EC2: ec2ID}},
		{"phones turn - into an en dash", "i–0123456789abcdef0", ecsops.Ref{EC2: ec2ID}},
		{"em dash", "i—0123456789abcdef0", ecsops.Ref{EC2: ec2ID}},
		{"minus sign and smart quotes", "“i−0123456789abcdef0”", ecsops.Ref{EC2: ec2ID}},
		{"back-ticks and a full stop", "`" + ec2ID + "`.", ecsops.Ref{EC2: ec2ID}},
		{"zero-width space from a web page", "\u200b" + ec2ID + "\ufeff", ecsops.Ref{EC2: ec2ID}},
		{"no-break spaces", "\u00a0" + ec2ID + "\u00a0", ecsops.Ref{EC2: ec2ID}},
		{"Slack's link wrapping", "<" + ec2ID + "|the bad one>", ecsops.Ref{EC2: ec2ID}},
		{"wrapped twice", "*<" + ec2ID + ">*", ecsops.Ref{EC2: ec2ID}},
		{"id", hexID, ecsops.Ref{InstanceID: hexID}},
		{"old id", uuidID, ecsops.Ref{InstanceID: uuidID}},
		{"cluster/id keeps the name's case", "Prod/" + strings.ToUpper(hexID), ecsops.Ref{InstanceID: hexID, Cluster: "Prod"}},
		{"cluster/EC2 id", "prod/" + ec2ID, ecsops.Ref{EC2: ec2ID, Cluster: "prod"}},
		{"new ARN", newARN, full},
		{"ARN in upper case but for the cluster", "ARN:AWS:ECS:EU-WEST-1:123456789012:CONTAINER-INSTANCE/Prod/" + strings.ToUpper(hexID), full},
		{"old ARN names no cluster", oldARN, ecsops.Ref{Instance: oldARN, Account: "123456789012", Region: "eu-west-1"}},
		{"EC2 ARN", "arn:aws:ec2:eu-west-1:123456789012:instance/" + ec2ID, ecsops.Ref{EC2: ec2ID, Account: "123456789012", Region: "eu-west-1"}},
		{"ECS console", "<https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/Prod/infrastructure/container-instances/" + hexID + "?region=eu-west-1>",
			ecsops.Ref{InstanceID: hexID, Cluster: "Prod", Region: "eu-west-1"}},
		{"multi-session console host", "https://123456789012-abcdef.eu-west-1.console.aws.amazon.com/ecs/v2/clusters/Prod/infrastructure/container-instances/" + hexID,
			ecsops.Ref{InstanceID: hexID, Cluster: "Prod", Region: "eu-west-1", Account: "123456789012"}},
		{"old ECS console", "https://console.aws.amazon.com/ecs/home?region=us-east-1#/clusters/default/containerInstances/" + uuidID,
			ecsops.Ref{InstanceID: uuidID, Cluster: "default", Region: "us-east-1"}},
		{"EC2 console", "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#InstanceDetails:instanceId=" + ec2ID,
			ecsops.Ref{EC2: ec2ID, Region: "eu-west-1"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, err := ecsops.ParseRef(c.text)
			if err != nil || got != c.want {
				t.Fatalf("ParseRef(%q) = %+v, %v; want %+v", c.text, got, err, c.want)
			}
		})
	}
}

func TestParseRefRefuses(t *testing.T) {
	for _, c := range []struct{ why, text, reason string }{
		{"nothing", "", "empty"},
		{"only quotes", "“ ”", "empty"},
		{"only invisible", "\u200b\u2060", "empty"},
		{"oversized", strings.Repeat("i", ecsops.MaxRefLength+1), "too_long"},
		{"a word", "web-server", "not_an_instance"},
		{"nine digits", "i-012345678", "not_an_instance"},
		{"two ids", ec2ID + " " + ec2ID, "not_an_instance"},
		{"cluster ARN", "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", "other_resource"},
		{"task ARN", "arn:aws:ecs:eu-west-1:123456789012:task/prod/" + hexID, "other_resource"},
		{"eleven-digit account", "arn:aws:ecs:eu-west-1:12345678901:container-instance/prod/" + hexID, "not_an_instance"},
		{"another host's URL", "https://console.aws.amazon.com.evil.example/ecs/v2/clusters/p/container-instances/" + hexID, "not_an_instance"},
		{"console page without an instance", "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/services", "other_resource"},
		{"shell words", "$(reboot)", "not_an_instance"},
		{"filter injection", "i-0123456789abcdef0' or agentConnected==true", "not_an_instance"},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, err := ecsops.ParseRef(c.text)
			refErr, ok := errors.AsType[*ecsops.RefError](err)
			if !ok || refErr.Reason != c.reason {
				t.Fatalf("ParseRef(%.60q) error = %v, want reason %q", c.text, err, c.reason)
			}
		})
	}
}

// FuzzParseRef: no text panics, and what was understood is understood again from its short form.
func FuzzParseRef(f *testing.F) {
	for _, s := range []string{ec2ID, hexID, uuidID, newARN, oldARN, "Prod/" + ec2ID, "<https://a|b>", "arn:::::", "https://console.aws.amazon.com/#/clusters/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ecsops.ParseRef(text)
		if err != nil {
			if ref != (ecsops.Ref{}) {
				t.Fatalf("ParseRef(%q) returned %+v with error %v", text, ref, err)
			}
			return
		}
		again, err := ecsops.ParseRef(ref.String())
		if err != nil {
			t.Fatalf("ParseRef(%q) from %q: %v", ref.String(), text, err)
		}
		if again.EC2 != ref.EC2 || again.Instance != ref.Instance || again.InstanceID != ref.InstanceID || again.Cluster != ref.Cluster {
			t.Fatalf("ParseRef(%q) = %+v, again %+v", text, ref, again)
		}
	})
}
