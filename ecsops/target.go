package ecsops

import (
	"fmt"
	"strings"
	"time"
)

// InstanceARN is a container-instance ARN; never an EC2 instance id.
type InstanceARN string

// EC2ID is an EC2 instance id (i-…) or an SSM managed-node id (mi-…); never an ARN.
type EC2ID string

// ClusterARN names a cluster with its account and Region.
type ClusterARN string

// Target is one container instance. All six fields bind it: an agent that lost
// its data registers the same EC2 instance under a new ARN (amazon-ecs-agent#125).
type Target struct {
	Account      string      `json:"account"`
	Region       string      `json:"region"`
	Cluster      ClusterARN  `json:"cluster"`
	Instance     InstanceARN `json:"instance"`
	EC2          EC2ID       `json:"ec2_id"`
	RegisteredAt time.Time   `json:"registered_at"`
}

// Key identifies the registration for locks: account, Region and container-instance ARN.
func (t Target) Key() string {
	return t.Account + "/" + t.Region + "/" + string(t.Instance)
}

// InstanceID is the last part of the container-instance ARN (32 hex digits today).
func (t Target) InstanceID() string { return lastPart(string(t.Instance)) }

// Name is the cluster's name.
func (c ClusterARN) Name() string { return lastPart(string(c)) }

// Account is the twelve-digit account of the ARN, or "" when it is none.
func (c ClusterARN) Account() string { return arnPart(string(c), 4) }

// Region is the Region of the ARN, or "" when it is none.
func (c ClusterARN) Region() string { return arnPart(string(c), 3) }

// MakeClusterARN builds a cluster ARN. The partition follows the Region.
func MakeClusterARN(account, region, name string) ClusterARN {
	return ClusterARN(fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", partition(region), region, account, name))
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func lastPart(arn string) string {
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func arnPart(arn string, n int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ""
	}
	return parts[n]
}
