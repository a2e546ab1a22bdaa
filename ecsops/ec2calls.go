package ecsops

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// ec2Calls are the operations of EC2 that we use, as functions. A client inside
// of a struct that becomes an interface somewhere keeps all of its 800 methods in
// the program, as other libraries look methods up by name while it runs: 30 MB of 70.
type ec2Calls struct {
	DescribeInstances            func(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error)
	DescribeInstanceAttribute    func(context.Context, *ec2.DescribeInstanceAttributeInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceAttributeOutput, error)
	DescribeNetworkInterfaces    func(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error)
	DescribeInstanceTypes        func(context.Context, *ec2.DescribeInstanceTypesInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error)
	DescribeSpotInstanceRequests func(context.Context, *ec2.DescribeSpotInstanceRequestsInput, ...func(*ec2.Options)) (*ec2.DescribeSpotInstanceRequestsOutput, error)
	TerminateInstances           func(context.Context, *ec2.TerminateInstancesInput, ...func(*ec2.Options)) (*ec2.TerminateInstancesOutput, error)
}

func newEC2(cfg aws.Config) *ec2Calls {
	c := ec2.NewFromConfig(cfg)
	return &ec2Calls{DescribeInstances: c.DescribeInstances, DescribeInstanceAttribute: c.DescribeInstanceAttribute,
		DescribeNetworkInterfaces: c.DescribeNetworkInterfaces, DescribeInstanceTypes: c.DescribeInstanceTypes, DescribeSpotInstanceRequests: c.DescribeSpotInstanceRequests, TerminateInstances: c.TerminateInstances}
}

// ec2Pages are the calls as the SDK's paginators want them.
type ec2Pages struct{ calls *ec2Calls }

func (p ec2Pages) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, o ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	return p.calls.DescribeInstances(ctx, in, o...)
}

func (p ec2Pages) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, o ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return p.calls.DescribeNetworkInterfaces(ctx, in, o...)
}
