// Package ecsops speaks Amazon ECS in the terms of one job: taking a container
// instance out of service. Every caller (Slack, terminal, workflow) shares it.
//
// The package has three kinds of functions. Questions read AWS and return a
// Snapshot of Facts (Resolve, Inspect, Look). Judgements are pure functions of
// values (Assess, NewPlan, Verify). Actions make exactly one AWS call each
// (Fleet.Do), without SDK retries, and say what is known of its effect.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister_container_instance.html
package ecsops
