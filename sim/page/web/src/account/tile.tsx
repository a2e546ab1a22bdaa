import { memo, useEffect, useRef } from "react";
import type { Registration, Tile as TileData } from "./board";
import { Chip } from "./chip";
import { says, type Chip as ChipData } from "./chips";
import { count, gib, vcpu, zoneLetters } from "./format";
import { Icon, type IconName } from "./icons";
import { Fold, Id, Meter } from "./parts";
import type { Kind } from "./verdict";

const icons: Record<Kind, IconName> = {
  ok: "ok", draining: "drain", drained: "drain", ghost: "ghost", stopped: "power", "cut-off": "cut", orphans: "orphan", empty: "bill",
  launching: "launch", leaving: "power", changing: "pending", failed: "warn",
};

/** Tile is one machine with what ECS, EC2 and Auto Scaling say of it, and its tasks. */
export const Tile = memo(function Tile({ tile, focused }: { tile: TileData; focused: boolean }) {
  const at = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!focused) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    at.current?.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
  }, [focused]);
  const v = tile.verdict;
  return (
    <li ref={at} className="acct-tile" data-kind={v.kind} data-tone={v.tone} data-flip={tile.key} data-tile={tile.key} data-ec2={tile.ec2_id} aria-current={focused || undefined}>
      {focused && <p className="acct-pointer"><Icon name="play" />The story is about this one</p>}
      <header>
        <h4>{tile.name ?? tile.ec2_id}</h4>
        <p className="acct-verdict"><Icon name={icons[v.kind]} />{v.word}</p>
      </header>
      <p className="acct-sub">
        <Id id={tile.ec2_id} />
        {tile.az && <span title={tile.az}>{zoneLetters(tile.az)}</span>}
        {tile.type && <span>{tile.type}</span>}
      </p>
      <Says tile={tile} />
      {tile.cpu && tile.memory && (
        <div className="acct-meters">
          <Meter label="CPU" used={tile.cpu.used} total={tile.cpu.total} text={`${vcpu(tile.cpu.used)} of ${vcpu(tile.cpu.total)} vCPU`} />
          <Meter label="Memory" used={tile.memory.used} total={tile.memory.total} text={`${gib(tile.memory.used)} of ${gib(tile.memory.total)} GiB`} />
        </div>
      )}
      {v.note && <p className="acct-note">{v.note}</p>}
      {tile.chips.length > 0 && <Chips chips={tile.chips} label={`Tasks on ${tile.name ?? tile.ec2_id}`} />}
      {tile.chips.length === 0 && <p className="acct-none">No task</p>}
      <Fold of={tile.name ?? tile.ec2_id} summary={<span>Details{tile.stopped.length > 0 && <span className="acct-dim"> · {count(tile.stopped.length, "stopped task")}</span>}</span>}>
        {() => <Details tile={tile} />}
      </Fold>
    </li>
  );
});

/** Chips is a tile's tasks. */
export function Chips({ chips, label }: { chips: readonly ChipData[]; label: string }) {
  return <ul className="acct-chips" aria-label={label}>{chips.map((c) => <Chip key={c.key} chip={c} />)}</ul>;
}

/** Says is what each AWS service says of the machine: they often disagree, and that is the point. */
function Says({ tile }: { tile: TileData }) {
  const r = tile.reg;
  return (
    <dl className="acct-says">
      <div><dt>ECS</dt><dd data-good={r?.status === "ACTIVE"}>{r ? r.status : "not registered"}</dd></div>
      {r && <div><dt>Agent</dt><dd data-good={r.connected}><Icon name={r.connected ? "agent" : "cut"} />{r.connected ? "connected" : "not connected"}</dd></div>}
      <div><dt>EC2</dt><dd data-good={tile.ec2 === "running"}>{tile.ec2 || "unknown"}</dd></div>
      {tile.group && <div className="acct-owner"><dt>Auto Scaling</dt><dd title={tile.group}>{tile.group}{tile.lifecycle ? `, ${tile.lifecycle}` : ""}</dd></div>}
    </dl>
  );
}

function Details({ tile }: { tile: TileData }) {
  return (
    <div className="acct-details">
      <dl>
        <div><dt>EC2 instance</dt><dd><Id id={tile.ec2_id} full /></dd></div>
        {tile.reg && <div><dt>Container instance</dt><dd><Id id={tile.reg.id} full /></dd></div>}
        {tile.was && <div><dt>Was container instance</dt><dd><Id id={tile.was} full /></dd></div>}
        {tile.reg?.provider && <div><dt>Capacity provider</dt><dd>{tile.reg.provider}</dd></div>}
        {tile.others.map((o) => <Other key={o.arn} reg={o} />)}
      </dl>
      {tile.chips.length + tile.stopped.length > 0 && (
        <ul className="acct-tasks">
          {[...tile.chips, ...tile.stopped].map((c) => (
            <li key={c.key} data-phase={c.phase}><Id id={c.id} /><span>{says(c)}</span></li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Other({ reg }: { reg: Registration }) {
  return <div><dt>Also registered</dt><dd>{reg.cluster}, {reg.status}, agent {reg.connected ? "connected" : "not connected"} <Id id={reg.id} full /></dd></div>;
}
