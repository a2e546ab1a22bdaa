import { Account, Clock, Faults, Stories, Timeline } from "../account";
import { act } from "../store/live";
import { usePage } from "../store/use";

export function Shell() {
  const page = usePage();
  const slot = { state: page, act };
  return (
    <>
      <header>
        <h1>ECS deregistration</h1>
        <Clock {...slot} />
        <Stories {...slot} />
      </header>
      <main aria-label="Workspace">Workspace</main>
      <section aria-label="Account">
        <Account {...slot} />
        <Faults {...slot} />
        <Timeline {...slot} />
      </section>
    </>
  );
}
