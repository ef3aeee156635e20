// The supervision tree: who runs, in which generation, and what it took.
import { html, steady } from "../html.js";
import { count, plural } from "../format.js";
import { icon } from "../icons.js";
import { Panel, scrolling } from "../frame.js";
import { status } from "../store.js";

const LOOK = {
  running: ["check", "ok"],
  starting: ["half", "busy"],
  stopping: ["half", "idle"],
  waiting: ["wait", "warn"],
  down: ["octagon", "bad"],
  abandoned: ["triangle", "bad"],
};

/** Groups in the order in which they first appear, each with its actors. Pure. */
function grouped(actors) {
  const groups = new Map();
  for (const actor of actors) groups.set(actor.group, [...(groups.get(actor.group) ?? []), actor]);
  return [...groups];
}

export function Actors() {
  const actors = status.value?.actors ?? null;
  const running = actors?.filter((actor) => actor.phase === "running").length;
  return html`<${Panel} id="actors" title="Actors" rows=${actors} note=${actors && `${running} of ${count(actors.length)} running`}
    empty="No actor runs yet.">
    ${scrolling("Actors", html`<table class="tree"><caption class="only-read">Actors by group, with their restarts and mailboxes</caption>
      <thead><tr><th scope="col">Actor</th><th scope="col">Phase</th><th scope="col" class="n">Generation</th>
        <th scope="col" class="n">Restarts</th><th scope="col" class="n">Mailbox</th><th scope="col">Last end</th></tr></thead>
      ${grouped(actors ?? []).map(([group, its]) => html`<tbody key=${group}>
        <tr class="group"><th scope="rowgroup" colspan="6">${group}</th></tr>
        ${its.map((actor) => html`<${Actor} key=${actor.id} id=${actor.id} phase=${actor.phase} generation=${actor.generation} restarts=${actor.restarts}
          reason=${actor.last_reason} detail=${actor.last_detail} depth=${actor.mailbox?.depth} high=${actor.mailbox?.high} dropped=${actor.mailbox?.dropped} />`)}</tbody>`)}
    </table>`, "tall")}
  <//>`;
}

const Actor = steady(({ id, phase, generation, restarts, reason, detail, depth, high, dropped }) => {
  const [shape, kind] = LOOK[phase] ?? ["info", "idle"];
  return html`<tr data-actor=${id}><th scope="row" title=${id}>${id.split("/").at(-1)}</th>
    <td><span class=${`badge ${kind}`}>${icon(shape)}${phase}</span></td>
    <td class="n">${generation}</td><td class=${`n ${restarts ? "" : "nil"}`}>${restarts}</td>
    <td class="n">${depth ?? "–"} <small>high ${high ?? "–"}${dropped > 0 && `, ${plural(dropped, "dropped", "dropped")}`}</small></td>
    <td class="why" title=${detail ?? undefined}>${reason ? html`${reason}${detail && html` <small>${detail}</small>`}` : html`<span class="unknown">–</span>`}</td></tr>`;
});
