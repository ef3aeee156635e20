// Shapes that say the same as their colours. Each is drawn in a box of 16 and takes the colour of
// the text round it; a word always stands beside it, so they are hidden from screen readers.
import { html } from "./html.js";

const line = (d) => html`<path d=${d} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />`;
const solid = (d) => html`<path d=${d} fill="currentColor" />`;

const RING = "M8 2.2a5.8 5.8 0 1 0 0 11.6a5.8 5.8 0 1 0 0-11.6z";
const DISC = "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z";

const SHAPES = {
  check: html`${solid(DISC)}<path d="M5 8.2l2.2 2.2L11.2 6" class="cut" />`,
  half: html`${line(RING)}${solid("M8 2.2a5.8 5.8 0 0 0 0 11.6z")}`,
  triangle: html`${solid("M8 1.6L15.2 14H.8z")}<path d="M8 6v3.6M8 11.7v.1" class="cut" />`,
  diamond: html`${solid("M8 .9L15.1 8 8 15.1.9 8z")}<path d="M5 8h.1M8 8h.1M11 8h.1" class="cut" />`,
  wait: html`${line(RING)}${line("M8 4.8V8l2.2 1.6")}`,
  open: html`${line("M1.5 11.5h3L11 5M11.5 11.5h3")}${solid("M4.5 9.9a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 1 0 0-3.2zM11.5 9.9a1.6 1.6 0 1 0 0 3.2a1.6 1.6 0 1 0 0-3.2z")}`,
  octagon: html`${solid("M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z")}<path d="M5 8h6" class="cut" />`,
  pause: html`${solid("M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z")}`,
  ring: line(RING),
  square: html`${solid("M3 3h10v10H3z")}`,
  cross: line("M3.5 3.5l9 9M12.5 3.5l-9 9"),
  info: html`${line(RING)}${line("M8 7.5v3.3M8 5.1v.1")}`,
  sun: html`${solid("M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6z")}${line("M8 1v1.3M8 13.7V15M1 8h1.3M13.7 8H15M3.050 3.050l.9.9M12.050 12.050l.9.9M12.950 3.050l-.9.9M3.950 12.050l-.9.9")}`,
  moon: solid("M6.2 1.7a6.5 6.5 0 1 0 8.1 8.1A5.3 5.3 0 0 1 6.2 1.7z"),
  chevron: line("M4 6l4 4 4-4"),
};

/** The shape of that name. */
export const icon = (name, kind = "") => html`<svg class=${`icon ${kind}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;

/** How each state of an account looks: its shape, and whether it is good news. */
const STATES = {
  live: ["check", "ok"],
  starting: ["half", "busy"],
  connecting: ["half", "busy"],
  authenticating: ["half", "busy"],
  subscribing: ["half", "busy"],
  reconciling: ["half", "busy"],
  stale: ["triangle", "warn"],
  polling: ["diamond", "warn"],
  backoff: ["wait", "warn"],
  tripped: ["open", "bad"],
  held: ["octagon", "bad"],
  paused: ["pause", "idle"],
  disabled: ["ring", "idle"],
  stopped: ["square", "idle"],
};

export const stateLook = (state) => STATES[state] ?? ["info", "idle"];
