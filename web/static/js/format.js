// How numbers, spans and moments read. Pure: text in, text out, no clock of its own.
// What is not known is "–", never 0.

const UNKNOWN = "–";

const pad = (n) => String(n).padStart(2, "0");

/** Seconds as a person says them: `0.4 s`, `12 s`, `3 m 05 s`, `2 h 10 m`, `4 d 6 h`. */
export function span(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return UNKNOWN;
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} m`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** Whole seconds from ten up are enough where something counts up each second. */
export const spanFrom = (fromMs, toMs) => (fromMs === null || fromMs === undefined ? UNKNOWN : span((toMs - fromMs) / 1000));

/** A moment by the viewer's own clock: the time today, else with its date. */
export function moment(ms, nowMs = Date.now()) {
  if (ms === null || ms === undefined) return UNKNOWN;
  const at = new Date(ms);
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${day(at)} ${time}`;
}

const day = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;

/** The same moment in UTC, to the millisecond: what logs and exchanges call it. */
export const utc = (ms) => (ms === null || ms === undefined ? "not known" : `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`);

/** An amount exactly as the ledger has it. */
export const amount = (text) => (text === null || text === undefined ? UNKNOWN : String(text));

/** A count, in groups of three. */
export const count = (n) => (n === null || n === undefined ? UNKNOWN : n.toLocaleString("en-US").replaceAll(",", "\u202f"));

/** Milliseconds that were measured, to three digits. */
export function millis(ms) {
  if (ms === null || ms === undefined) return UNKNOWN;
  if (ms >= 1000) return span(ms / 1000);
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** A share in percent; 100 is said only of the whole. */
export function percent(share) {
  if (share === null || share === undefined) return UNKNOWN;
  if (share === 100) return "100 %";
  const digits = share >= 99 ? 3 : 1;
  return `${(Math.floor(share * 10 ** digits) / 10 ** digits).toFixed(digits)} %`;
}

export const words = (name) => String(name).replaceAll("_", " ");

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
