import type { Hello } from "../wire";

/** Home is the App Home, where this app publishes nothing. */
export function Home({ hello, onGo }: { hello: Hello; onGo: () => void }) {
  return (
    <section className="channel home" aria-label="App Home">
      <header className="channel-head">
        <h2>{hello.bot.name}</h2>
        <span className="chip">App Home</span>
      </header>
      <div className="home-body">
        <p>
          <strong>The app publishes nothing here.</strong> Its manifest turns no Home tab on and asks for no scope for one: all that it
          shows stands in channels, where the team sees it.
        </p>
        <h3>What it offers</h3>
        <dl>
          {hello.commands.map((c) => (
            <div key={c.command}>
              <dt><code>{c.command}</code></dt>
              <dd>{c.description}. <span className="usage">{c.usage_hint}</span></dd>
            </div>
          ))}
          {hello.subcommands.map((s) => (
            <div key={s.name}>
              <dt><code>{s.name}</code></dt>
              <dd>{s.hint}</dd>
            </div>
          ))}
        </dl>
        <button type="button" className="btn" onClick={onGo}>Direct messages with {hello.bot.name}</button>
      </div>
    </section>
  );
}
