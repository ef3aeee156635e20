// The last day of an account as a bar, and its gaps as text: how each was closed, and how soon.
import { html, useState } from "../html.js";
import { plural, span } from "../format.js";
import { DAY, gapsOf, knownSince, stretch, unwatched } from "../gaps.js";
import { coverage, daemonNow } from "../store.js";
import { icon } from "../icons.js";
import { time } from "../frame.js";

const WIDTH = 1440;
const HEIGHT = 14;

/** How it stands with a gap, in a sentence. */
function ending(gap) {
  if (gap.open) return gap.until === null ? "still going on" : "watched again, not yet proven";
  const after = gap.closed_after_s === null ? "" : `, ${span(gap.closed_after_s)} after its end`;
  const brought = gap.repaired ? `, ${plural(gap.repaired, "missing fact")} brought` : ", nothing was missing";
  return `closed by ${gap.source}${after}${brought}`;
}

const length = (gap, nowMs) => span(((gap.until ?? nowMs) - (gap.since ?? nowMs - DAY)) / 1000);

export function Coverage({ account }) {
  const [isOpen, setOpen] = useState(false);
  const [pointed, point] = useState(null);
  const nowMs = daemonNow.value;
  if (coverage.value === null) return html`<div class="coverage"><div class="lane"></div></div>`;
  const rows = coverage.value.filter((row) => row.account === account);
  const gaps = gapsOf(rows, nowMs);
  const known = knownSince(rows, nowMs);
  const list = `gaps-${account}`;
  return html`<div class="coverage">
    <div class="lane">
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" onPointerLeave=${() => point(null)}>
        <rect class="before" x="0" y="6" width=${WIDTH} height="2" />
        ${known !== null && html`<rect class="proven" y="4" height="6" ...${stretch(known, nowMs, nowMs, WIDTH)} />`}
        ${gaps.map((gap) => html`<rect key=${gap.since} class=${gap.open ? "gap open" : "gap"} y=${gap.open ? 0 : 2} height=${gap.open ? HEIGHT : 10}
          ...${stretch(gap.since, gap.until, nowMs, WIDTH, 5)} onPointerEnter=${() => point(gap)} />`)}
      </svg>
      ${pointed && html`<p class="tip" aria-hidden="true">${tipOf(pointed, nowMs)}</p>`}
    </div>
    <div class="lane-foot">
      <span>24 h ago</span>
      ${summary(gaps, known, nowMs, { isOpen, list, toggle: () => setOpen(!isOpen) })}
      <span>now</span>
    </div>
    ${isOpen && gaps.length > 0 && html`<ul id=${list} class="gaps">${gaps.toReversed().map((gap) => html`<li key=${gap.since}>
      ${icon(gap.open ? "triangle" : "check", gap.open ? "bad" : "ok")}
      <span>${gap.since === null ? "nothing proven yet" : html`${time(gap.since, nowMs)} – ${gap.until === null ? "now" : time(gap.until, nowMs)}`}</span>
      <b>${length(gap, nowMs)}</b>
      <span>${ending(gap)}${gap.categories.length ? ` (${gap.categories.join(", ")})` : ""}</span></li>`)}</ul>`}
  </div>`;
}

const tipOf = (gap, nowMs) =>
  html`<b>${length(gap, nowMs)}</b> from ${time(gap.since, nowMs)} – ${ending(gap)}${gap.categories.length ? ` · ${gap.categories.join(", ")}` : ""}`;

function summary(gaps, known, nowMs, { isOpen, list, toggle }) {
  if (known === null) return html`<span class="sum">nothing proven yet</span>`;
  if (!gaps.length) return html`<span class="sum">no gap in what is proven</span>`;
  const open = gaps.filter((gap) => gap.open).length;
  const state = open ? `${open} open` : "all closed";
  return html`<button type="button" class="sum link" aria-expanded=${isOpen} aria-controls=${isOpen ? list : undefined} onClick=${toggle}>
    ${plural(gaps.length, "gap")}, ${span(unwatched(gaps, nowMs))} in all, ${state} ${icon("chevron", isOpen ? "turned" : "")}
  </button>`;
}
