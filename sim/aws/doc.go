// Package aws is an AWS estate on the wire: ECS with a service scheduler, EC2, Auto Scaling, Elastic Load Balancing v2 and
// STS at one endpoint, in virtual time, with faults to switch on. Any AWS client can be pointed at it with
// AWS_ENDPOINT_URL; service and Region come from the credential scope of the request's signature, the account from the
// access key id, which has to contain SIM (AccessKeyID makes one; AssumeRole gives others).
//
// It is written from AWS's documentation, and where that leaves a choice it takes the stricter or nastier one. It keeps
// a log of every call and what came of it (Log), and a view of what is really so (State), for tests to ask.
//
// Time is a clock.Paced: everything that is due happens before each request is answered, at its own virtual moment, and
// by itself while the estate is started. Latencies and hanging calls are in real time. The same seed and the same
// calls at the same virtual times give the same estate.
//
// Demo documents the demo estate; control.go the HTTP interface under /sim/.
package aws
