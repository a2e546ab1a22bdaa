import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Account, Clock, Faults, Stories, StoryPlayer, Timeline } from "../account";
import type { PageState } from "../store/store";
import { act } from "../store/live";
import { usePage } from "../store/use";
import type { Hello, User } from "../wire";
import { find } from "../workspace/people";
import { Workspace } from "../workspace/workspace";
import { kept, keep, query, useKept } from "./prefs";
import { Split } from "./split";
import { Tabs } from "./tabs";
import { TopBar, type Screen } from "./topbar";

const Preview = lazy(() => import("../preview/preview"));

/** Where the visitor is in the workspace. */
interface Place {
  at: string;
  thread?: string;
}

const person = (hello: Hello | undefined, as: string): User | undefined =>
  hello && (find(hello.users, as) ?? hello.users.find((u) => u.role === "operator") ?? hello.users[0]);

const firstPlace = (hello: Hello): Place => ({
  at: (find(hello.channels, query("channel") ?? kept("channel")) ?? find(hello.channels, "ops") ?? hello.channels[0])?.id ?? "home",
});

export function Shell() {
  const page = usePage();
  const { hello, story } = page;
  const [as, setAs] = useKept("as", "");
  const [screen, setScreen] = useState<Screen>(() => (query("screen") as Screen | undefined) ?? "both");
  const [theme, setTheme] = useTheme();
  const [place, setPlace] = useState<Place>();
  const user = person(hello, as);
  const run = hello?.run;
  useEffect(() => setPlace(undefined), [run]);
  const here = place ?? (hello && firstPlace(hello));
  const go = useCallback((to: string) => {
    keep("channel", to);
    setPlace({ at: to });
  }, []);
  const at = here?.at ?? "home";
  const onThread = useCallback((thread?: string) => setPlace({ at, thread }), [at]);
  useStory(page, setAs, setPlace, setScreen);
  useReady(page.ready);
  const workspace = useMemo(
    () => hello && user && here && <Workspace hello={hello} user={user} at={here.at} thread={here.thread} onGo={go} onThread={onThread} />,
    [hello, user, here?.at, here?.thread, go, onThread],
  );
  const slot = { state: page, act };
  return (
    <div className="shell" data-screen={screen}>
      <TopBar hello={hello} user={user} onUser={setAs} theme={theme} onTheme={setTheme} screen={screen} onScreen={setScreen} clock={<Clock {...slot} />} />
      {page.link === "lost" && <p className="lost" role="alert">The playground's server does not answer. This page takes up again by itself when it does.</p>}
      {story && story.id !== "" && story.state !== "idle" && <div className="story-strip" data-keeps-focus=""><StoryPlayer {...slot} /></div>}
      {screen === "preview" ? (
        <main className="half" aria-label="Preview"><Suspense fallback={null}><Preview hello={hello} user={user} /></Suspense></main>
      ) : (
        <Split
          name="halves" label="Width of the workspace" direction="row" initial={57} least={25} most={78}
          main={screen === "account" || screen === "controls" ? { half: "second", label: "AWS account" } : { half: "first", label: "Workspace" }}
          first={<div className="half workspace-half">{workspace ?? <Waiting page={page} />}</div>}
          second={<AccountHalf page={page} />}
        />
      )}
    </div>
  );
}

const Waiting = ({ page }: { page: PageState }) => <p className="quiet-note" role="status">{page.link === "lost" ? "No answer from the server." : "The bot is starting…"}</p>;

function AccountHalf({ page }: { page: PageState }) {
  const slot = { state: page, act };
  const on = Object.values(page.faults).filter(Boolean).length;
  return (
    <section className="half account-half" aria-label="Account">
      <Split
        name="account" label="Height of the account" direction="column" initial={62} least={20} most={85}
        first={
          <div className="account-main">
            <header className="channel-head">
              <h2>AWS account</h2>
              <span className="topic mono">{page.hello ? `${page.hello.account} · ${page.hello.region}` : ""}</span>
              <Processes page={page} />
            </header>
            <div className="account-scroll"><Account {...slot} /></div>
          </div>
        }
        second={
          <Tabs
            name="controls" label="Controls"
            tabs={[
              { id: "stories", title: "Stories", body: <Stories {...slot} /> },
              { id: "faults", title: "Faults", note: on > 0 ? `${on} on` : undefined, body: <Faults {...slot} /> },
              { id: "calls", title: "Calls", body: <Timeline {...slot} /> },
            ]}
          />
        }
      />
    </section>
  );
}

/** Processes is what there is of the bot: each process with its state and its sockets. */
function Processes({ page }: { page: PageState }) {
  if (!page.bot) return null;
  return (
    <ul className="processes" aria-label="The bot's processes">
      {page.bot.processes.map((p) => (
        <li key={p.name} className={p.state}>
          <span className="dot" aria-hidden="true" />
          {p.name} {p.state}
          {p.state === "running" && <span className="sockets">{p.connections === 1 ? "1 socket" : `${p.connections} sockets`}</span>}
        </li>
      ))}
    </ul>
  );
}

/** useTheme sets the theme on the document; "system" leaves it to the browser. */
function useTheme(): [string, (t: string) => void] {
  const [theme, setTheme] = useKept("theme", "system");
  useEffect(() => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  }, [theme]);
  return [theme, setTheme];
}

/** useStory begins the story that the address asks for, and goes where a playing one leads. */
function useStory(page: PageState, setAs: (id: string) => void, setPlace: (p: Place) => void, setScreen: (change: (s: Screen) => Screen) => void) {
  const { ready, story } = page;
  const asked = useRef(false);
  useEffect(() => {
    const id = query("story");
    if (!ready || asked.current || !id) return;
    asked.current = true;
    void act({ do: "story", story: id });
  }, [ready]);
  const on = story && story.state !== "idle" ? story.id : "";
  useEffect(() => {
    if (on) setScreen((s) => (s === "controls" || s === "preview" ? "both" : s));
  }, [on]);
  useEffect(() => {
    if (!story || story.state === "idle") return;
    if (story.as) setAs(story.as);
    if (story.channel) setPlace({ at: story.channel, thread: story.thread || undefined });
    // Only where it leads counts: the visitor may look around between two steps.
  }, [story?.id, story?.step, story?.as, story?.channel, story?.thread]);
}

/** useReady tells tests that the whole state has come and is drawn. */
function useReady(ready: boolean) {
  useEffect(() => {
    if (!ready) {
      delete document.body.dataset.ready;
      return;
    }
    const frame = requestAnimationFrame(() => (document.body.dataset.ready = "true"));
    return () => cancelAnimationFrame(frame);
  }, [ready]);
}
