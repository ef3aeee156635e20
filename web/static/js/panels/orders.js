// Orders that are not over, and for a moment those that just ended.
import { html, steady } from "../html.js";
import { amount, count, words } from "../format.js";
import { thousandths } from "../decimal.js";
import { icon } from "../icons.js";
import { Panel, scrolling, time } from "../frame.js";
import { ended, orders } from "../store.js";
import { orderKey } from "../merge.js";

const SHOWN = 100;

const LOOK = {
  open: ["ring", "busy"],
  partially_filled: ["half", "busy"],
  filled: ["check", "ok"],
  canceled: ["cross", "idle"],
  expired: ["wait", "idle"],
  rejected: ["octagon", "bad"],
  pending: ["wait", "idle"],
  untriggered: ["pause", "idle"],
};

export function Orders() {
  const rows = orders.value;
  const over = ended.value;
  const all = rows && [...rows.slice(0, SHOWN), ...over];
  return html`<${Panel} id="orders" title="Open orders" rows=${all} error="orders" note=${rows && count(rows.length)}
    empty="No open orders. One appears here as soon as the exchange acknowledges it.">
    ${scrolling("Open orders", html`<table class="orders"><caption class="only-read">Open orders, the last changed first</caption>
      <thead><tr><th scope="col">Status</th><th scope="col">Order</th><th scope="col" class="n">Price</th>
        <th scope="col" class="n">Filled / quantity</th><th scope="col">Account</th><th scope="col" class="n">Changed</th></tr></thead>
      <tbody>${(all ?? []).map((row) => html`<${Order} key=${orderKey(row)} row=${row} />`)}</tbody></table>`, "tall")}
    ${rows && rows.length > SHOWN && html`<p class="more">${count(rows.length - SHOWN)} more are open; these changed last.</p>`}
  <//>`;
}

const Order = steady(({ row }) => {
  const [shape, kind] = LOOK[row.status] ?? ["info", "idle"];
  return html`<tr class=${row.endedAt ? "over" : ""} data-order=${row.order_id}>
    <td><span key=${row.flash ?? 0} class=${`badge ${kind} ${row.flash ? "flash" : ""}`}>${icon(shape)}${words(row.status)}</span></td>
    <td><${Thing} row=${row} /></td>
    <td class="n">${row.price === null ? html`<small>${row.type ?? "market"}</small>` : amount(row.price)}</td>
    <td class="n"><span class="part">${amount(row.filled)}</span> <small>/</small> ${amount(row.quantity)}${progress(row)}</td>
    <td title=${`order ${row.order_id}`}>${row.account}</td>
    <td class="n">${time(row.updated_at)}</td></tr>`;
});

/** What is traded which way. Buy and sell are told apart by arrow and word. */
export const Thing = ({ row }) => html`<span class="thing"><${Side} side=${row.side} /> <b>${row.symbol}</b>${row.category !== "spot" && html` <small>${row.category}</small>`}</span>`;

const Side = ({ side }) => (side ? html`<span class=${`side ${side}`}>${side === "buy" ? "▲" : "▼"} ${side}</span>` : "–");

function progress(row) {
  if (!row.filled || !row.quantity) return null;
  return html`<svg class="progress" viewBox="0 0 1000 4" preserveAspectRatio="none" aria-hidden="true">
    <rect width="1000" height="4" class="rest" /><rect width=${thousandths(row.filled, row.quantity)} height="4" class="done" /></svg>`;
}
