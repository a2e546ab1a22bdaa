// A small estate for the tests of this folder: one machine of every kind that a tile tells apart.
import type { Account, Host, Instance, Service, Task } from "../wire";

const region = "eu-central-1";
const arn = (what: string) => `arn:aws:ecs:${region}:123456789012:${what}`;

/** ec2 is the EC2 id of the n-th machine. */
export const ec2 = (n: number): string => `i-0a1b2c3d4e5f6000${n}`;

/** instance is the registration of the n-th machine, in service unless told otherwise. */
export function instance(n: number, more: Partial<Instance> = {}): Instance {
  const id = `c0ffee000000000000000000000${String(n).padStart(5, "0")}`;
  return {
    arn: arn(`container-instance/prod/${id}`), id, ec2_id: ec2(n), cluster: "prod", az: region + "abc"[n % 3], type: "m6i.2xlarge", status: "ACTIVE", connected: true,
    name: `prod-${n}`, cpu: { total: 8192, used: 1536 }, memory: { total: 31640, used: 3072 }, ...more,
  };
}

/** host is the n-th EC2 instance, running unless told otherwise. */
export function host(n: number, more: Partial<Host> = {}): Host {
  return { ec2_id: ec2(n), state: "running", az: region + "abc"[n % 3], type: "m6i.2xlarge", name: `prod-${n}`, containers: [], ...more };
}

/** task is a running task of the service called family on the n-th machine; service "" is none. */
export function task(id: string, family: string, n: number, more: Partial<Task> = {}): Task {
  return {
    arn: arn(`task/prod/${id}`), id, ec2_id: ec2(n), instance: instance(n).arn, service: family, cluster: "prod", family, last: "RUNNING", desired: "RUNNING",
    cpu: 512, memory: 1024, ...more,
  };
}

/** service is steady with two tasks unless told otherwise. */
export function service(name: string, more: Partial<Service> = {}): Service {
  return { arn: arn(`service/prod/${name}`), name, cluster: "prod", desired: 2, running: 2, pending: 0, healthy: 2, min: 100, max: 200, steady: true, events: [], ...more };
}

/** account puts an account together from its parts. */
export function account(parts: Partial<Account>): Account {
  return {
    at: "2026-11-23T09:00:00Z", clusters: [{ arn: arn("cluster/prod"), name: "prod" }], instances: [], hosts: [], tasks: [], services: [], groups: [], target_groups: [], ...parts,
  };
}
