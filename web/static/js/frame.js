// What every panel has: a heading, and a word for each way in which it may have nothing to show.
import { html } from "./html.js";
import { span, moment, utc } from "./format.js";
import { failures, link, silence } from "./store.js";
import { askAgain, retryNow } from "./live.js";
import { icon } from "./icons.js";

export const QUIET = 5; // seconds without a word from the daemon, after which what is shown is called old

/** A moment by the viewer's clock; UTC when pointed at. */
export const time = (ms, nowMs) =>
  ms === null || ms === undefined
    ? html`<span class="unknown" title="not known">–</span>`
    : html`<time datetime=${new Date(ms).toISOString()} title=${utc(ms)}>${moment(ms, nowMs)}</time>`;

/** "last update 12 s ago", once that is worth saying. */
function Age() {
  const seconds = silence.value;
  if (link.value.heard === null || seconds < QUIET) return null;
  return html`<span class="tag old">${icon("wait")} last update ${span(seconds)} ago</span>`;
}

/**
 * One panel. `rows` null is loading, an empty list is `empty`; `error` names the question that
 * feeds it. What was shown stays while a question fails.
 */
export function Panel({ id, title, note, rows, empty, error, tools, wide, children }) {
  const trouble = error ? failures.value[error] : null;
  const isLoading = rows === null;
  return html`<section id=${id} class=${`panel ${wide ? "wide" : ""}`} aria-labelledby=${`${id}-title`} aria-busy=${isLoading && !trouble}>
    <header class="panel-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note && html`<span class="note">${note}</span>`}
      <${Age} />
      ${tools && html`<div class="tools">${tools}</div>`}
    </header>
    ${trouble && html`<p class="trouble">${icon("triangle", "bad")} <span>Not up to date: ${trouble}</span>
      <button type="button" class="small" onClick=${askAgain}>Ask again</button></p>`}
    ${isLoading && !trouble && html`<div class="loading"><span class="only-read">Loading</span><i></i><i></i><i></i></div>`}
    ${rows && rows.length === 0 ? html`<p class="empty">${empty}</p>` : !isLoading && children}
  </section>`;
}

/** A table that scrolls by itself where it is too wide, reachable by keyboard. */
export const scrolling = (label, table, kind = "") =>
  html`<div class=${`scroll ${kind}`} role="region" aria-label=${`${label}, table`} tabindex="0">${table}</div>`;

/** Says that the line is broken, and when it is tried again. */
export function Banner() {
  const { phase, retryAt, why, heard } = link.value;
  if (phase !== "lost") return null;
  const left = retryAt === null ? null : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return html`<div class="banner" role="alert">
    ${icon("cross")}
    <p><strong>Disconnected.</strong> ${why} ${heard && html`What you see is from ${time(heard)}.`}</p>
    <span class="retry" aria-live="off">${left === null ? "Connecting…" : `Next try in ${left} s`}</span>
    <button type="button" class="small" onClick=${retryNow}>Try now</button>
  </div>`;
}
