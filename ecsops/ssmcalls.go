package ecsops

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// ssmCalls are the operations of Systems Manager that we use, as ec2Calls are those of EC2.
type ssmCalls struct {
	DescribeInstanceInformation func(context.Context, *ssm.DescribeInstanceInformationInput, ...func(*ssm.Options)) (*ssm.DescribeInstanceInformationOutput, error)
	DeregisterManagedInstance   func(context.Context, *ssm.DeregisterManagedInstanceInput, ...func(*ssm.Options)) (*ssm.DeregisterManagedInstanceOutput, error)
	SendCommand                 func(context.Context, *ssm.SendCommandInput, ...func(*ssm.Options)) (*ssm.SendCommandOutput, error)
	GetCommandInvocation        func(context.Context, *ssm.GetCommandInvocationInput, ...func(*ssm.Options)) (*ssm.GetCommandInvocationOutput, error)
}

func newSSM(cfg aws.Config) *ssmCalls {
	c := ssm.NewFromConfig(cfg)
	return &ssmCalls{DescribeInstanceInformation: c.DescribeInstanceInformation, DeregisterManagedInstance: c.DeregisterManagedInstance,
		SendCommand: c.SendCommand, GetCommandInvocation: c.GetCommandInvocation}
}
