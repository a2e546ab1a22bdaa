// Services, target groups and Auto Scaling groups.
import { memo } from "react";
import type { Group, Service, TargetGroup } from "../wire";
import { count } from "./format";
import { Icon, type IconName } from "./icons";
import { Fold, Id } from "./parts";
import { members, serviceSays, targetsByState, type Standing } from "./tallies";

const standingIcons: Record<Standing, IconName> = { steady: "ok", working: "pending", short: "warn" };

/** Services is a cluster's services as a table. */
export const Services = memo(function Services({ cluster, services }: { cluster: string; services: readonly Service[] }) {
  if (services.length === 0) return null;
  return (
    <div className="acct-scroll" tabIndex={0} role="group" aria-label={`Services of ${cluster}`}>
      <table className="acct-table">
        <caption className="hidden-text">Services of {cluster}</caption>
        <thead>
          <tr>
            <th scope="col">Service</th><th scope="col">State</th>
            <th scope="col" className="acct-num">Desired</th><th scope="col" className="acct-num">Running</th>
            <th scope="col" className="acct-num">Pending</th><th scope="col" className="acct-num">Healthy</th>
            <th scope="col" className="acct-num" title="minimumHealthyPercent and maximumPercent">Min / max %</th><th scope="col">Events</th>
          </tr>
        </thead>
        <tbody>{services.map((s) => <Row key={s.arn} service={s} />)}</tbody>
      </table>
    </div>
  );
});

const Row = memo(function Row({ service: s }: { service: Service }) {
  const says = serviceSays(s);
  return (
    <tr data-standing={says.standing}>
      <th scope="row">{s.name}{s.daemon && <span className="acct-tag">daemon</span>}</th>
      <td><span className="acct-standing"><Icon name={standingIcons[says.standing]} />{says.word}</span></td>
      <td className="acct-num">{s.desired}</td>
      <td className="acct-num" data-short={s.running < s.desired || undefined}>{s.running}</td>
      <td className="acct-num" data-zero={s.pending === 0 || undefined}>{s.pending}</td>
      <td className="acct-num" data-short={s.healthy < s.desired || undefined}>{s.healthy}</td>
      <td className="acct-num">{s.min} / {s.max}</td>
      <td>{s.events.length > 0 ? <Events service={s} /> : <span className="acct-dim">none</span>}</td>
    </tr>
  );
});

const mostEvents = 10;

function Events({ service: s }: { service: Service }) {
  return (
    <Fold of={s.name} summary={<span>{s.events.length > mostEvents ? `last ${mostEvents}` : count(s.events.length, "event")}</span>}>
      {() => <ol className="acct-events">{s.events.slice(0, mostEvents).map((e, i) => <li key={i}>{e}</li>)}</ol>}
    </Fold>
  );
}

const targetIcons: Record<string, IconName> = { healthy: "healthy", draining: "stopping", initial: "pending", unhealthy: "unhealthy", unused: "stopped" };

/** TargetGroups shows targets by what the load balancer says of them. */
export const TargetGroups = memo(function TargetGroups({ groups }: { groups: readonly TargetGroup[] }) {
  if (groups.length === 0) return null;
  return (
    <section className="acct-block" aria-label="Target groups">
      <h4>Target groups</h4>
      <ul className="acct-cards">{groups.map((g) => <TargetGroupCard key={g.arn} group={g} />)}</ul>
    </section>
  );
});

const TargetGroupCard = memo(function TargetGroupCard({ group }: { group: TargetGroup }) {
  const states = targetsByState(group.targets);
  return (
    <li className="acct-card">
      <h5>{group.name}</h5>
      {states.length === 0 && <p className="acct-none">No target</p>}
      <ul className="acct-states">
        {states.map(({ state, targets }) => (
          <li key={state} data-state={state}><Icon name={targetIcons[state] ?? "warn"} /><b>{targets.length}</b> {state}</li>
        ))}
      </ul>
      {states.length > 0 && (
        <Fold of={group.name} summary={<span>Targets</span>}>
          {() => (
            <ul className="acct-targets">
              {states.flatMap(({ state, targets }) => targets.map((t) => <li key={`${t.id}:${t.port}:${t.task}`}><span className="mono">{t.id}:{t.port}</span> {state}</li>))}
            </ul>
          )}
        </Fold>
      )}
    </li>
  );
});

/** Groups shows Auto Scaling groups with a place for every instance that they may have. */
export const Groups = memo(function Groups({ groups }: { groups: readonly Group[] }) {
  if (groups.length === 0) return null;
  return (
    <section className="acct-block" aria-label="Auto Scaling groups">
      <h4>Auto Scaling groups</h4>
      <ul className="acct-cards">{groups.map((g) => <GroupCard key={g.name} group={g} />)}</ul>
    </section>
  );
});

const GroupCard = memo(function GroupCard({ group: g }: { group: Group }) {
  const seats = members(g);
  return (
    <li className="acct-card">
      <h5>{g.name}</h5>
      <dl className="acct-sizes">
        <div><dt>min</dt><dd>{g.min}</dd></div>
        <div><dt>desired</dt><dd>{g.desired}</dd></div>
        <div><dt>max</dt><dd>{g.max}</dd></div>
        <div><dt>members</dt><dd>{g.members.length}</dd></div>
      </dl>
      <ul className="acct-seats" aria-label={`Members of ${g.name}`}>
        {seats.map((s, i) => (
          <li key={s.id ?? i} data-seat={s.kind}>{s.id ? <Id id={s.id} /> : <span className="acct-dim">{s.kind === "missing" ? "wanted" : "room"}</span>}</li>
        ))}
      </ul>
    </li>
  );
});
