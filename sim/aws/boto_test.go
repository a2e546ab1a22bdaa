package aws_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

// botoScript reads and changes the demo estate as any boto3 program would; boto3 parses with AWS's own service models.
const botoScript = `
import sys, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
url, key = sys.argv[1:3]
kw = dict(endpoint_url=url, region_name='eu-central-1', aws_access_key_id=key, aws_secret_access_key='x', config=Config(retries={'max_attempts': 1}))
ecs, ec2, asg, elb, sts = (boto3.client(n, **kw) for n in ('ecs', 'ec2', 'autoscaling', 'elbv2', 'sts'))

def refused(code, f, **args):
    try:
        f(**args)
    except ClientError as e:
        assert e.response['Error']['Code'] == code, e
        assert e.response['ResponseMetadata']['RequestId'], e.response
        return e
    raise AssertionError('%s was not refused' % code)

me = sts.get_caller_identity()
assert me['Account'] == '123456789012' and me['Arn'].endswith(':user/sim'), me
assert [a.split('/')[-1] for a in ecs.list_clusters()['clusterArns']] == ['prod', 'serverless', 'staging']
cl = ecs.describe_clusters(clusters=['prod', 'nope', 'serverless'], include=['STATISTICS', 'TAGS'])
assert cl['failures'][0]['reason'] == 'MISSING' and cl['clusters'][0]['registeredContainerInstancesCount'] == 8, cl
assert {'name': 'runningFargateTasksCount', 'value': '2'} in cl['clusters'][1]['statistics'], cl
arns = [a for p in ecs.get_paginator('list_container_instances').paginate(cluster='prod', PaginationConfig={'PageSize': 3}) for a in p['containerInstanceArns']]
assert len(set(arns)) == 8, arns
arns = ecs.list_container_instances(cluster='prod', filter="ec2InstanceId in ['i-0a1b2c3d4e5f60001']")['containerInstanceArns']
ci = ecs.describe_container_instances(cluster='prod', containerInstances=arns + ['missing'], include=['TAGS', 'CONTAINER_INSTANCE_HEALTH'])
inst = ci['containerInstances'][0]
assert inst['registeredAt'].year == 2026 and inst['runningTasksCount'] == 3 and inst['healthStatus']['overallStatus'] == 'OK', inst
assert ci['failures'][0]['reason'] == 'MISSING'
services = [s for p in ecs.get_paginator('list_services').paginate(cluster='prod') for s in p['serviceArns']]
shown = ecs.describe_services(cluster='prod', services=services)['services']
assert {s['serviceName']: s['desiredCount'] for s in shown} == {'web': 4, 'api': 5, 'payments': 1, 'encoder': 2, 'worker': 2, 'log-agent': 5}, shown
tasks = ecs.describe_tasks(cluster='prod', tasks=ecs.list_tasks(cluster='prod', containerInstance=arns[0])['taskArns'])['tasks']
assert sorted(t['group'] for t in tasks) == ['service:api', 'service:web', 'service:web'], tasks
web = [t for t in tasks if t['group'] == 'service:web'][0]
assert {d['name'] for d in web['attachments'][0]['details']} >= {'networkInterfaceId', 'privateIPv4Address'}, web
td = ecs.describe_task_definition(taskDefinition=web['taskDefinitionArn'])['taskDefinition']
assert td['networkMode'] == 'awsvpc' and td['revision'] == 12, td
cp = ecs.describe_capacity_providers(capacityProviders=['prod-cp'])['capacityProviders'][0]
assert cp['autoScalingGroupProvider']['managedDraining'] == 'ENABLED', cp
eni = [d['value'] for d in web['attachments'][0]['details'] if d['name'] == 'networkInterfaceId'][0]
assert ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])['NetworkInterfaces'][0]['Attachment']['InstanceId'] == 'i-0a1b2c3d4e5f60001'
i = ec2.describe_instances(InstanceIds=['i-0a1b2c3d4e5f60001'])['Reservations'][0]['Instances'][0]
assert i['State'] == {'Code': 16, 'Name': 'running'} and i['Tags'] == [{'Key': 'Name', 'Value': 'prod-1'}] and i['LaunchTime'].year == 2026, i
assert i['BlockDeviceMappings'][0]['Ebs']['DeleteOnTermination'] is True, i
assert len([1 for p in ec2.get_paginator('describe_instances').paginate(PaginationConfig={'PageSize': 5}) for r in p['Reservations']]) == 9
assert ec2.describe_instances(Filters=[{'Name': 'instance-state-name', 'Values': ['term*']}])['Reservations'][0]['Instances'][0]['InstanceId'].endswith('60007')
refused('InvalidInstanceID.NotFound', ec2.describe_instances, InstanceIds=['i-00000000000000000'])
refused('InvalidInstanceID.Malformed', ec2.describe_instances, InstanceIds=['i-xyz'])
assert ec2.describe_instance_status(InstanceIds=['i-0a1b2c3d4e5f60001'])['InstanceStatuses'][0]['SystemStatus']['Status'] == 'ok'
assert ec2.describe_instance_attribute(InstanceId='i-0a1b2c3d4e5f60004', Attribute='disableApiTermination')['DisableApiTermination']['Value'] is True
assert ec2.describe_instance_types(InstanceTypes=['m6i.large'])['InstanceTypes'][0]['NetworkInfo']['MaximumNetworkInterfaces'] == 3
refused('DryRunOperation', ec2.terminate_instances, InstanceIds=['i-0a1b2c3d4e5f60001'], DryRun=True)
refused('OperationNotPermitted', ec2.terminate_instances, InstanceIds=['i-0a1b2c3d4e5f60004'])
m = asg.describe_auto_scaling_instances(InstanceIds=['i-0a1b2c3d4e5f60005', 'i-0a1b2c3d4e5f60001'])['AutoScalingInstances']
assert [x['AutoScalingGroupName'] for x in m] == ['prod-asg'] and m[0]['LifecycleState'] == 'InService', m
g = asg.describe_auto_scaling_groups(AutoScalingGroupNames=['prod-asg'])['AutoScalingGroups'][0]
assert (g['MinSize'], g['DesiredCapacity'], g['MaxSize'], len(g['Instances'])) == (2, 2, 4, 2), g
assert asg.describe_lifecycle_hooks(AutoScalingGroupName='prod-asg')['LifecycleHooks'][0]['LifecycleTransition'] == 'autoscaling:EC2_INSTANCE_TERMINATING'
e = refused('ValidationError', asg.terminate_instance_in_auto_scaling_group, InstanceId='i-0a1b2c3d4e5f60005', ShouldDecrementDesiredCapacity=True)
assert 'desiredSize equals minSize (2)' in str(e), e
tgs = {t['TargetGroupName']: t for t in elb.describe_target_groups()['TargetGroups']}
assert tgs['web']['TargetType'] == 'ip', tgs
at = {a['Key']: a['Value'] for a in elb.describe_target_group_attributes(TargetGroupArn=tgs['web']['TargetGroupArn'])['Attributes']}
assert at['deregistration_delay.timeout_seconds'] == '30', at
h = elb.describe_target_health(TargetGroupArn=tgs['web']['TargetGroupArn'])['TargetHealthDescriptions']
assert [x['TargetHealth']['State'] for x in h] == ['healthy'] * 4, h
assert elb.describe_load_balancers()['LoadBalancers'][0]['LoadBalancerName'] == 'prod'
refused('InvalidParameterException', ecs.deregister_container_instance, cluster='prod', containerInstance=arns[0])
refused('ClusterNotFoundException', ecs.list_tasks, cluster='nope')
refused('UnknownOperationException', ecs.list_account_settings)
d = ecs.update_container_instances_state(cluster='prod', containerInstances=[arns[0], 'gone'], status='DRAINING')
assert d['containerInstances'][0]['status'] == 'DRAINING' and d['failures'][0]['reason'] == 'MISSING', d
batch = ecs.list_tasks(cluster='prod', family='nightly-report')['taskArns'][0]
p = ecs.get_task_protection(cluster='prod', tasks=[batch])
assert p['failures'][0]['reason'] == 'TASK_NOT_VALID', p
t = ecs.stop_task(cluster='prod', task=batch, reason='by boto3')['task']
assert t['desiredStatus'] == 'STOPPED' and t['lastStatus'] == 'STOPPING' and t['stoppedReason'] == 'by boto3', t
r = sts.assume_role(RoleArn='arn:aws:iam::123456789012:role/bot', RoleSessionName='op-1', SourceIdentity='U123')
c = r['Credentials']
other = boto3.client('ecs', endpoint_url=url, region_name='eu-central-1', aws_access_key_id=c['AccessKeyId'], aws_secret_access_key=c['SecretAccessKey'], aws_session_token=c['SessionToken'])
out = other.deregister_container_instance(cluster='prod', containerInstance=arns[0], force=True)['containerInstance']
assert out['status'] == 'INACTIVE', out
real = boto3.client('ecs', endpoint_url=url, region_name='eu-central-1', aws_access_key_id='AKIAIOSFODNN7EXAMPLE', aws_secret_access_key='x')
refused('UnrecognizedClientException', real.list_clusters)
print('ALL GOOD')
`

func TestBoto3ReadsAndChanges(t *testing.T) {
	e := demo(t)
	if err := e.AddRole("arn:aws:iam::123456789012:role/bot"); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").Run(); err != nil {
		if err := exec.CommandContext(t.Context(), "aws", "--version").Run(); err != nil {
			t.Skip("NOT TESTED: neither boto3 nor the AWS CLI is on this machine, so no foreign client has read the estate")
		}
		cliReads(t, e)
		return
	}
	out, err := exec.CommandContext(t.Context(), "python3", "-c", botoScript, e.URL(), e.key).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ALL GOOD") {
		t.Fatalf("boto3: %v\n%s", err, out)
	}
	log := e.Log()
	var forced *aws.Call
	for n := range log {
		if log[n].Action == "DeregisterContainerInstance" && log[n].Outcome == "OK" {
			forced = &log[n]
		}
	}
	if forced == nil || forced.Caller != "arn:aws:sts::123456789012:assumed-role/bot/op-1" || forced.SourceIdentity != "U123" || !forced.TookEffect {
		t.Errorf("the forced deregistration is on record as %+v", forced)
	}
	if h, _ := e.State().Host(aws.DemoClean); len(h.Containers) != 3 {
		t.Errorf("containers left running on the host after force: %v, want 3", h.Containers)
	}
}

// cliReads is the same idea with the AWS CLI, for machines that have it without boto3.
func cliReads(t *testing.T, e *estate) {
	t.Helper()
	for _, args := range [][]string{
		{"sts", "get-caller-identity"}, {"ecs", "describe-clusters", "--clusters", "prod"}, {"ec2", "describe-instances"},
		{"autoscaling", "describe-auto-scaling-groups"}, {"elbv2", "describe-target-groups"},
		{"ecs", "update-container-instances-state", "--cluster", "prod", "--status", "DRAINING", "--container-instances", e.registration(aws.DemoClean)},
	} {
		cmd := exec.CommandContext(t.Context(), "aws", args...)
		cmd.Env = append(cmd.Environ(), "AWS_ENDPOINT_URL="+e.URL(), "AWS_DEFAULT_REGION="+aws.DemoRegion, "AWS_ACCESS_KEY_ID="+e.key, "AWS_SECRET_ACCESS_KEY=x")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("aws %v: %v\n%s", args, err, out)
		}
	}
	if i, _ := e.State().Instance(aws.DemoClean); i.Status != "DRAINING" {
		t.Errorf("the AWS CLI drained nothing: %+v", i)
	}
}

// botoReads runs a script of boto3 against the estate, with client(name) and refused(code, call, …) to use.
func botoReads(t *testing.T, e *estate, script string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").Run(); err != nil {
		t.Skip("NOT TESTED: boto3 is not on this machine")
	}
	const prelude = `
import sys, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name='eu-central-1', aws_access_key_id=sys.argv[2], aws_secret_access_key='x', config=Config(retries={'max_attempts': 1}))
def refused(code, f, **args):
    try:
        f(**args)
    except ClientError as e:
        assert e.response['Error']['Code'] == code, e
        return
    raise AssertionError('%s was not refused' % code)
`
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", prelude+script, e.URL(), e.key).CombinedOutput(); err != nil {
		t.Fatalf("boto3: %v\n%s", err, out)
	}
}

func TestBoto3ReadsAClassicLoadBalancer(t *testing.T) {
	botoReads(t, serve(t, classic(30*time.Second)), `
elb = client('elb')
assert elb.describe_load_balancers()['LoadBalancerDescriptions'][0]['LoadBalancerName'] == 'front'
a = elb.describe_load_balancer_attributes(LoadBalancerName='front')['LoadBalancerAttributes']
assert a['ConnectionDraining'] == {'Enabled': True, 'Timeout': 30} and a['ConnectionSettings']['IdleTimeout'] == 60, a
h = elb.describe_instance_health(LoadBalancerName='front')['InstanceStates']
assert [x['State'] for x in h] == ['InService'] and h[0]['InstanceId'].startswith('i-'), h
refused('LoadBalancerNotFound', elb.describe_instance_health, LoadBalancerName='none')
assert client('elbv2').describe_target_groups()['TargetGroups'] == []
`)
}

func TestBoto3ActsOnAGroup(t *testing.T) {
	botoReads(t, serve(t, grouped(3, func(g *aws.GroupSpec, _ *aws.ProviderSpec) {
		g.Hooks = []aws.HookSpec{{Name: "h", Transition: terminatingHook}}
	})), `
asg = client('autoscaling')
ids = [i['InstanceId'] for i in asg.describe_auto_scaling_groups()['AutoScalingGroups'][0]['Instances']]
asg.suspend_processes(AutoScalingGroupName='g', ScalingProcesses=['Launch', 'AZRebalance'])
assert [p['ProcessName'] for p in asg.describe_auto_scaling_groups()['AutoScalingGroups'][0]['SuspendedProcesses']] == ['AZRebalance', 'Launch']
asg.set_instance_protection(AutoScalingGroupName='g', InstanceIds=[ids[0]], ProtectedFromScaleIn=True)
assert asg.describe_auto_scaling_instances(InstanceIds=[ids[0]])['AutoScalingInstances'][0]['ProtectedFromScaleIn'] is True
a = asg.enter_standby(AutoScalingGroupName='g', InstanceIds=[ids[1]], ShouldDecrementDesiredCapacity=True)['Activities']
assert a[0]['StatusCode'] == 'InProgress' and 'Standby' in a[0]['Description'], a
refused('ValidationError', asg.exit_standby, AutoScalingGroupName='g', InstanceIds=[ids[2]])
t = asg.terminate_instance_in_auto_scaling_group(InstanceId=ids[0], ShouldDecrementDesiredCapacity=False)['Activity']
h = asg.describe_lifecycle_hooks(AutoScalingGroupName='g')['LifecycleHooks'][0]
assert (h['DefaultResult'], h['HeartbeatTimeout'], h['GlobalTimeout']) == ('ABANDON', 3600, 172800), h
asg.record_lifecycle_action_heartbeat(AutoScalingGroupName='g', LifecycleHookName='h', InstanceId=ids[0])
asg.complete_lifecycle_action(AutoScalingGroupName='g', LifecycleHookName='h', InstanceId=ids[0], LifecycleActionResult='CONTINUE')
refused('ValidationError', asg.complete_lifecycle_action, AutoScalingGroupName='g', LifecycleHookName='h', InstanceId=ids[0], LifecycleActionResult='CONTINUE')
assert asg.describe_scaling_activities(AutoScalingGroupName='g')['Activities'], 'no activities'
assert asg.describe_warm_pool(AutoScalingGroupName='g')['Instances'] == []
`)
}
