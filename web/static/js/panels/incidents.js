// What somebody should look at, and whether somebody did.
import { html, signal } from "../html.js";
import { plural, words } from "../format.js";
import { tell } from "../api.js";
import { say } from "../dialog.js";
import { icon } from "../icons.js";
import { Panel, time } from "../frame.js";
import { daemonNow, incidents, takeIncidents } from "../store.js";

const LOOK = { critical: ["octagon", "bad"], warning: ["triangle", "warn"], info: ["info", "idle"] };
const SHOWN = 50;
const asking = signal(null);

export const isOpen = (row) => row.resolved_at === null;

/** Open ones first, and among them those that nobody has acknowledged. */
const ranked = (rows) => [...rows].sort((a, b) => rank(a) - rank(b) || b.seen_at - a.seen_at);
const rank = (row) => (isOpen(row) ? (row.acknowledged_at ? 1 : 0) : 2);

export function Incidents() {
  const rows = incidents.value && ranked(incidents.value).slice(0, SHOWN);
  const open = rows?.filter(isOpen).length;
  return html`<${Panel} id="incidents" title="Incidents" rows=${rows} error="incidents" note=${rows && (open ? `${open} open` : "none open")}
    empty="No incidents. Here stands what an exchange contradicted, refused or changed, and what vigil could not do.">
    <ul class="incidents">${(rows ?? []).map((row) => html`<${Incident} key=${row.id} row=${row} />`)}</ul>
  <//>`;
}

function Incident({ row }) {
  const [shape, kind] = LOOK[row.severity] ?? LOOK.info;
  const nowMs = daemonNow.value;
  return html`<li class=${isOpen(row) ? "" : "over"} data-incident=${row.id}>
    <span class=${`severity ${kind}`}>${icon(shape)}${row.severity}</span>
    <div>
      <p class="what"><b>${words(row.kind)}</b>${row.account && html` <span class="of">${row.account}</span>`}</p>
      <p class="text">${row.text}</p>
      <p class="when">${row.count > 1 ? plural(row.count, "time") : "once"}, first ${time(row.opened_at, nowMs)}${row.count > 1 && html`, last ${time(row.seen_at, nowMs)}`}
        ${!isOpen(row) && html`, over since ${time(row.resolved_at, nowMs)}`}
        ${row.acknowledged_at && html`, acknowledged ${time(row.acknowledged_at, nowMs)}`}</p>
    </div>
    ${isOpen(row) && !row.acknowledged_at && html`<button type="button" class="small" disabled=${asking.value === row.id} onClick=${() => void acknowledge(row)}>
      Acknowledge<span class="only-read"> ${words(row.kind)}</span></button>`}
  </li>`;
}

async function acknowledge(row) {
  asking.value = row.id;
  try {
    await tell("acknowledge", { id: row.id });
    takeIncidents([{ ...row, acknowledged_at: daemonNow.value }]);
    say("Acknowledged.");
  } catch (trouble) {
    say(`Not acknowledged: ${trouble.message}`);
  } finally {
    asking.value = null;
  }
}
