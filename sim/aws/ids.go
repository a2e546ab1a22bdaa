package aws

import (
	"fmt"
	"strings"
)

// Statuses and the other words of the wire.
const (
	statusActive   = "ACTIVE"
	statusDraining = "DRAINING"
	statusInactive = "INACTIVE"

	taskProvisioning   = "PROVISIONING"
	taskPending        = "PENDING"
	taskActivating     = "ACTIVATING"
	taskRunning        = "RUNNING"
	taskDeactivating   = "DEACTIVATING"
	taskStopping       = "STOPPING"
	taskDeprovisioning = "DEPROVISIONING"
	taskStopped        = "STOPPED"

	ec2Pending      = "pending"
	ec2Running      = "running"
	ec2ShuttingDown = "shutting-down"
	ec2Terminated   = "terminated"
	ec2Stopping     = "stopping"
	ec2Stopped      = "stopped"

	inService       = "InService"
	terminating     = "Terminating"
	terminatingWait = "Terminating:Wait"

	lifecyclePending = "Pending"
	lifecycleStandby = "Standby"
	lifecycleWarmed  = "Warmed:"
)

// ForcedReason is the stoppedReason of tasks whose container instance was deregistered with force; their containers run on.
const ForcedReason = "Container instance deregistration forced by user"

// AccessKeyID returns an access key id of the account's IAM user "sim". The secret may be anything.
func AccessKeyID(account string) string { return "AKIASIM" + account + "A" }

// SecretAccessKey is a secret for AccessKeyID; the estate checks no signature, only that there is one.
const SecretAccessKey = "sim-secret"

func (k cellKey) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + k.region + ":" + k.account + ":" + rest
}

func (k cellKey) clusterARN(name string) string { return k.arn("ecs", "cluster/"+name) }

// lastPart returns what follows the last slash.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (c *Cloud) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[c.rng.IntN(16)]
	}
	return string(b)
}

func (c *Cloud) uuid() string {
	h := c.hex(32)
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func (c *Cloud) ip() string {
	c.nextIP++
	return fmt.Sprintf("10.%d.%d.%d", 1+c.nextIP/64516, c.nextIP/254%254, 1+c.nextIP%254)
}
