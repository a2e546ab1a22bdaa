package aws_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"ecsbot/sim/aws"
)

// script makes a Command document of one step.
func script(lines ...string) string {
	return fmt.Sprintf(`{"schemaVersion":"2.2","mainSteps":[{"action":"aws:runShellScript","name":"one","precondition":{"StringEquals":["platformType","Linux"]},
		"inputs":{"timeoutSeconds":"30","runCommand":[%s]}}]}`, `"`+strings.Join(lines, `","`)+`"`)
}

type runner struct {
	*ssm.Client
	t *testing.T
}

func (r runner) send(in *ssm.SendCommandInput) (string, string) {
	r.t.Helper()
	out, err := r.SendCommand(context.WithoutCancel(r.t.Context()), in)
	if err != nil {
		return "", codeOf(err)
	}
	return awssdk.ToString(out.Command.CommandId), ""
}

func (r runner) run(document, node string) (string, string) {
	r.t.Helper()
	return r.send(&ssm.SendCommandInput{DocumentName: &document, InstanceIds: []string{node}, TimeoutSeconds: awssdk.Int32(30)})
}

func (r runner) ask(id, node string) (*ssm.GetCommandInvocationOutput, string) {
	r.t.Helper()
	out, err := r.GetCommandInvocation(context.WithoutCancel(r.t.Context()), &ssm.GetCommandInvocationInput{CommandId: &id, InstanceId: &node})
	if err != nil {
		return &ssm.GetCommandInvocationOutput{}, codeOf(err)
	}
	return out, ""
}

// TestRunCommand speaks AWS's own client: what is sent, when it shows, and how it ends.
func TestRunCommand(t *testing.T) {
	e := demo(t)
	g := e.Region(aws.DemoAccount, aws.DemoRegion)
	for name, text := range map[string]string{"hello": script("echo hello; echo oops >&2"), "fails": script("echo half", "exit 3"), "long": script("i=0", "while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done"),
		"list": script("docker ps --all --quiet --filter label=com.amazonaws.ecs.task-arn | while read -r id; do docker inspect --format '{{json .State.Status}} {{json (index .Config.Labels \\\"com.amazonaws.ecs.task-arn\\\")}} {{json (index .Config.Labels \\\"other\\\")}}' $id; done"),
		"bare": script("ls /"), "odd": script("docker inspect --format '{{.NetworkSettings}}' $(docker ps --quiet)")} {
		if _, err := g.AddDocument(aws.DocumentSpec{Name: name, Content: text}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := e.ManageEC2(aws.DemoBatch, ""); err != nil {
		t.Fatal(err)
	}
	c := runner{ssm.New(ssm.Options{Region: aws.DemoRegion, BaseEndpoint: awssdk.String(e.URL()), Retryer: awssdk.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(aws.AccessKeyID(aws.DemoAccount), "sim", "")}), t}

	id, code := c.run("hello", aws.DemoBatch)
	if code != "" {
		t.Fatal(code)
	}
	if _, code := c.ask(id, aws.DemoBatch); code != "InvocationDoesNotExist" {
		t.Errorf("right after: %q", code)
	}
	e.clock.Advance(1500 * time.Millisecond)
	if out, _ := c.ask(id, aws.DemoBatch); out.Status != types.CommandInvocationStatusPending || out.ResponseCode != -1 {
		t.Errorf("sent: %+v", out)
	}
	e.clock.Advance(time.Second)
	if out, _ := c.ask(id, aws.DemoBatch); out.Status != types.CommandInvocationStatusInProgress || awssdk.ToString(out.StandardOutputContent) != "" {
		t.Errorf("under way: %+v", out)
	}
	e.clock.Advance(5 * time.Second)
	if out, _ := c.ask(id, aws.DemoBatch); out.Status != types.CommandInvocationStatusSuccess || awssdk.ToString(out.StandardOutputContent) != "hello\n" || awssdk.ToString(out.StandardErrorContent) != "oops\n" ||
		!strings.HasPrefix(awssdk.ToString(out.ExecutionStartDateTime), "2026-") || awssdk.ToString(out.PluginName) != "one" {
		t.Errorf("ended: %+v", out)
	}
	done := func(document string) *ssm.GetCommandInvocationOutput {
		t.Helper()
		id, code := c.run(document, aws.DemoBatch)
		if code != "" {
			t.Fatalf("%s: %s", document, code)
		}
		e.clock.Advance(time.Minute)
		out, code := c.ask(id, aws.DemoBatch)
		if code != "" {
			t.Fatalf("%s: %s", document, code)
		}
		return out
	}
	if out := done("fails"); out.Status != types.CommandInvocationStatusFailed || out.ResponseCode != 3 || awssdk.ToString(out.StandardOutputContent) != "half\n" {
		t.Errorf("fails: %+v", out)
	}
	if out := done("long"); len(awssdk.ToString(out.StandardOutputContent)) != 24000 {
		t.Errorf("long: %d characters", len(awssdk.ToString(out.StandardOutputContent)))
	}
	if out := done("bare"); out.Status != types.CommandInvocationStatusFailed {
		t.Errorf("a document ran a program of this machine: %+v", out)
	}
	if out := done("odd"); out.Status != types.CommandInvocationStatusFailed || !strings.Contains(awssdk.ToString(out.StandardErrorContent), "template") {
		t.Errorf("a template that is not simulated: %+v", out)
	}
	lines := strings.Split(strings.TrimSpace(awssdk.ToString(done("list").StandardOutputContent)), "\n")
	host, _ := e.State().Host(aws.DemoBatch)
	if len(lines) != len(host.Containers) || len(lines) == 0 {
		t.Errorf("%d containers listed, %d run", len(lines), len(host.Containers))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `"running" "arn:aws:ecs:`) || !strings.HasSuffix(line, `" ""`) {
			t.Errorf("listed as %s", line)
		}
	}
}

// TestRunCommandRefusals: what Systems Manager does not take, and what it cannot deliver.
func TestRunCommandRefusals(t *testing.T) {
	e := demo(t)
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddDocument(aws.DocumentSpec{Name: "hello", Content: script("echo hello")}); err != nil {
		t.Fatal(err)
	}
	if err := e.ManageEC2(aws.DemoBatch, ""); err != nil {
		t.Fatal(err)
	}
	if err := e.ManageEC2(aws.DemoClean, "Windows"); err != nil {
		t.Fatal(err)
	}
	c := runner{ssm.New(ssm.Options{Region: aws.DemoRegion, BaseEndpoint: awssdk.String(e.URL()), Retryer: awssdk.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(aws.AccessKeyID(aws.DemoAccount), "sim", "")}), t}
	hello, long := "hello", strings.Repeat("x", 101)
	for want, in := range map[string]*ssm.SendCommandInput{
		"InvalidDocument":         {DocumentName: awssdk.String("AWS-RunShellScript"), InstanceIds: []string{aws.DemoBatch}},
		"InvalidInstanceId":       {DocumentName: &hello, InstanceIds: []string{aws.DemoStuck}},
		"UnsupportedPlatformType": {DocumentName: &hello, InstanceIds: []string{aws.DemoClean}},
		"DuplicateInstanceId":     {DocumentName: &hello, InstanceIds: []string{aws.DemoBatch, aws.DemoBatch}},
		"InvalidParameters":       {DocumentName: &hello, InstanceIds: []string{aws.DemoBatch}, Parameters: map[string][]string{"commands": {"id"}}},
		"ValidationException":     {DocumentName: &hello, InstanceIds: []string{aws.DemoBatch}, TimeoutSeconds: awssdk.Int32(10)},
	} {
		if _, code := c.send(in); code != want {
			t.Errorf("%s: %q", want, code)
		}
	}
	if _, code := c.send(&ssm.SendCommandInput{DocumentName: &hello, InstanceIds: []string{aws.DemoBatch}, Comment: &long}); code != "ValidationException" {
		t.Errorf("a long comment: %q", code)
	}
	if _, code := c.ask("not-an-id", aws.DemoBatch); code != "InvalidCommandId" {
		t.Errorf("a malformed command: %q", code)
	}
	if err := e.SilenceNode(aws.DemoBatch, true); err != nil {
		t.Fatal(err)
	}
	id, code := c.run("hello", aws.DemoBatch)
	if code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(10 * time.Second)
	if out, _ := c.ask(id, aws.DemoBatch); out.Status != types.CommandInvocationStatusDelayed {
		t.Errorf("nobody there: %+v", out)
	}
	e.clock.Advance(time.Minute)
	if out, _ := c.ask(id, aws.DemoBatch); out.Status != types.CommandInvocationStatusTimedOut || awssdk.ToString(out.StatusDetails) != "DeliveryTimedOut" {
		t.Errorf("expired: %+v", out)
	}
	for name, text := range map[string]string{"no JSON": "x", "another schema": `{"schemaVersion":"1.2","mainSteps":[]}`, "another plugin": strings.Replace(script("x"), "aws:runShellScript", "aws:runPowerShellScript", 1)} {
		if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddDocument(aws.DocumentSpec{Name: "bad", Content: text}); err == nil {
			t.Errorf("%s is a document", name)
		}
	}
}
