import { useId, type ReactNode } from "react";
import type { Hello, User } from "../wire";
import { roleNames } from "../workspace/people";

export type Screen = "both" | "workspace" | "account" | "controls" | "preview";

interface Props {
  hello?: Hello;
  user?: User;
  onUser: (id: string) => void;
  theme: string;
  onTheme: (theme: string) => void;
  screen: Screen;
  onScreen: (s: Screen) => void;
  clock: ReactNode;
}

/** Mark says on every screen what this is. */
export const Mark = () => (
  <p className="sim-mark" role="note">
    <strong>Simulator</strong>
    <span>nothing here is Slack or AWS; the bot is real</span>
  </p>
);

export function TopBar(p: Props) {
  return (
    <header className="topbar">
      <div className="brand">
        <Logo />
        <h1>ECS deregistration <span>playground</span></h1>
      </div>
      <Mark />
      <div className="topbar-end">
        <ActingAs {...p} />
        <ThemeSwitch theme={p.theme} onTheme={p.onTheme} />
      </div>
      <span className="topbar-break" />
      <nav className="screens" aria-label="Screens">
        {screens.map(([id, title, only]) => (
          <button key={id} type="button" className={only} aria-current={p.screen === id ? "page" : undefined} onClick={() => p.onScreen(id)}>
            {title}
          </button>
        ))}
      </nav>
      <div className="topbar-clock">{p.clock}</div>
    </header>
  );
}

export const screens: [Screen, string, string][] = [
  ["both", "Both", "wide-only"],
  ["workspace", "Workspace", ""],
  ["account", "Account", ""],
  ["controls", "Controls", "narrow-only"],
  ["preview", "Preview", ""],
];

function ActingAs({ hello, user, onUser }: Props) {
  const id = useId();
  return (
    <div className="acting">
      <label htmlFor={id}>Acting as</label>
      <select id={id} value={user?.id ?? ""} onChange={(e) => onUser(e.target.value)}>
        {hello?.users.filter((u) => !u.is_bot && u.role !== "bot").map((u) => (
          <option key={u.id} value={u.id}>
            {u.real_name} · {roleNames[u.role]}
          </option>
        ))}
      </select>
    </div>
  );
}

const themes: Record<string, { next: string; says: string; art: ReactNode }> = {
  system: { next: "light", says: "as the system has it", art: <><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.5" /><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" /></> },
  light: { next: "dark", says: "light", art: <><circle cx="8" cy="8" r="3" fill="currentColor" /><path d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.4 1.4M11.6 11.6L13 13M13 3l-1.4 1.4M4.4 11.6L3 13" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" /></> },
  dark: { next: "system", says: "dark", art: <path d="M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z" fill="currentColor" /> },
};

function ThemeSwitch({ theme, onTheme }: { theme: string; onTheme: (t: string) => void }) {
  const now = themes[theme] ?? themes.system!;
  return (
    <button type="button" className="theme" aria-label={`Theme: ${now.says}. Change to ${themes[now.next]!.says}`} title={`Theme: ${now.says}`} onClick={() => onTheme(now.next)}>
      <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">{now.art}</svg>
    </button>
  );
}

const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#3b5bdb" />
    <path d="M8 11h10M8 16h10M8 21h6" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" />
    <path d="M19 21h6m-2.6-3L25 21l-2.6 3" fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" />
  </svg>
);
