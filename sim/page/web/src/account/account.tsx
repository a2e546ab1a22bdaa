import { memo, useEffect, useMemo, useRef, useState } from "react";
import type { Account as AccountState, Service } from "../wire";
import { board, type Section as SectionData } from "./board";
import { Legend } from "./chip";
import type { Chip as ChipData } from "./chips";
import { Groups, Services, TargetGroups } from "./estate";
import { Flip } from "./flip";
import { count } from "./format";
import { Icon } from "./icons";
import { Fold, Segments } from "./parts";
import { changes } from "./news";
import { share } from "./share";
import { groupsOf, whole } from "./tallies";
import { Chips, Tile } from "./tile";

/** useShared keeps whatever did not change as the very same object. */
function useShared<T>(next: T): T {
  const last = useRef<T>();
  last.current = share(last.current, next);
  return last.current;
}

const mostSegments = 5;

/** Board is the whole account; it is drawn anew only where it changed. */
export const Board = memo(function Board({ account, focus }: { account: AccountState; focus: string | undefined }) {
  const [cluster, pick] = useState("");
  const a = useMemo(() => whole(account), [account]);
  const sections = useShared(useMemo(() => board(a), [a]));
  const services = useShared(a.services);
  const focusedIn = sections.find((s) => s.tiles.some((t) => t.ec2_id === focus))?.name;
  const hidden = cluster !== "" && focusedIn !== undefined && focusedIn !== cluster;
  useEffect(() => {
    if (hidden) pick("");
    // Only a new focus opens the filter; afterwards the visitor may narrow it again.
  }, [focus]);
  const known = cluster === "" || sections.some((s) => s.name === cluster) ? cluster : "";
  const shown = useMemo(() => sections.filter((s) => known === "" || s.name === known), [sections, known]);
  const others = useShared(groupsOf(a, sections, known));
  return (
    <div className="acct">
      <div className="acct-tools">
        <Filter sections={sections} cluster={known} pick={pick} />
        <Fold className="acct-key" summary={<span>Legend</span>}>{() => <Legend />}</Fold>
      </div>
      <News sections={sections} />
      <Flip sections={shown} scope={known}>
        {shown.map((s) => <Section key={s.key} section={s} services={services} focus={focus} />)}
      </Flip>
      <div className="acct-pair">
        <TargetGroups groups={others.targetGroups} />
        <Groups groups={others.groups} />
      </div>
    </div>
  );
});

function Filter({ sections, cluster, pick }: { sections: readonly SectionData[]; cluster: string; pick: (name: string) => void }) {
  const names = sections.map((s) => s.name).filter(Boolean);
  if (names.length < 2) return null;
  if (names.length < mostSegments) {
    return <Segments legend="Cluster" choices={[{ id: "", label: "All clusters" }, ...names.map((n) => ({ id: n, label: n }))]} value={cluster} onPick={pick} />;
  }
  return (
    <label className="acct-pick">Cluster
      <select value={cluster} onChange={(e) => pick(e.target.value)}>
        <option value="">all</option>
        {names.map((n) => <option key={n}>{n}</option>)}
      </select>
    </label>
  );
}

const Section = memo(function Section({ section: s, services, focus }: { section: SectionData; services: readonly Service[]; focus: string | undefined }) {
  const mine = useShared(services.filter((x) => x.cluster === s.name));
  const tasks = s.serverless.length + s.tiles.reduce((n, t) => n + t.chips.length, 0);
  const title = s.name || "Machines without a cluster";
  return (
    <section className="acct-cluster" aria-label={s.name ? `Cluster ${s.name}` : title}>
      <h3>{title}<span className="acct-dim">{s.tiles.length > 0 && `${count(s.tiles.length, "machine")}, `}{count(tasks, "task")}</span></h3>
      {s.tiles.length + s.serverless.length > 0 && (
        <ul className="acct-tiles">
          {s.tiles.map((t) => <Tile key={t.key} tile={t} focused={focus !== undefined && t.ec2_id === focus} />)}
          {s.serverless.length > 0 && <Serverless cluster={s.name} chips={s.serverless} />}
        </ul>
      )}
      {s.tiles.length + s.serverless.length === 0 && <p className="acct-none">Nothing runs here.</p>}
      <Services cluster={s.name} services={mine} />
    </section>
  );
});

const Serverless = memo(function Serverless({ cluster, chips }: { cluster: string; chips: readonly ChipData[] }) {
  return (
    <li className="acct-tile acct-serverless">
      <header><h4>Fargate</h4><p className="acct-verdict"><Icon name="cloud" />No machine of yours</p></header>
      <Chips chips={chips} label={`Fargate tasks of ${cluster}`} />
    </li>
  );
});

const newsEvery = 1500;

/** News tells a screen reader what became of machines, all that happened within a moment in one go. */
function News({ sections }: { sections: readonly SectionData[] }) {
  const [said, say] = useState("");
  const told = useRef(sections);
  const latest = useRef(sections);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  latest.current = sections;
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (timer.current !== undefined || sections === told.current) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      const news = changes(told.current, latest.current);
      told.current = latest.current;
      if (news.length > 0) say(news.join(". "));
    }, newsEvery);
  }, [sections]);
  return <p role="status" className="hidden-text">{said}</p>;
}
