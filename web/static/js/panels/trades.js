// What the trader makes of each BUY fill: what is open and why, what is over, and what it earned. Where there is no trader, nothing.
import { html, steady } from "../html.js";
import { amount, plural, span, words } from "../format.js";
import { icon } from "../icons.js";
import { Panel, scrolling, time } from "../frame.js";
import { hasTrader, now, trades } from "../store.js";
import { curvesOf, HEIGHT, kindOf, lineOf, sumsOf, WIDTH } from "../equity.js";
import { ageOf } from "./prices.js";

const LOOK = {
  waiting: ["wait", "warn"],
  placing: ["half", "busy"],
  unclear: ["diamond", "warn"],
  resting: ["ring", "busy"],
  partly_sold: ["half", "busy"],
  settling: ["half", "busy"],
  sold: ["check", "ok"],
  dust: ["square", "idle"],
  stuck: ["octagon", "bad"],
};

export function Trades() {
  if (!hasTrader.value) return null;
  const known = trades.value;
  const over = known?.newest.filter((row) => row.state === "sold" || row.state === "dust").toReversed() ?? [];
  const stuck = known?.open.filter((row) => row.state === "stuck").length;
  return html`<${Panel} id="trades" title="Trades" rows=${known && [...known.open, ...over]} error="trades" wide
    note=${known && `${known.open.length} open${stuck ? `, ${stuck} stuck` : ""}`}
    empty="No trades yet. Each BUY fill becomes one as soon as it is in the ledger.">
    ${known && html`<${Totals} known=${known} />`}
    ${known?.open.length > 0 && scrolling("Open trades", html`<table class="trades"><caption class="only-read">Open trades, the oldest first</caption>
      <thead><tr><th scope="col">State</th><th scope="col">Trade</th><th scope="col" class="n">Age</th><th scope="col" class="n">Bought</th>
        <th scope="col" class="n">Cost of the rest</th><th scope="col" class="n">SELL at</th><th scope="col" class="n">Unrealised</th></tr></thead>
      <tbody>${known.open.map((row) => html`<${Open} key=${row.id} row=${row} age=${span(ageOf(row, now.value))} />`)}</tbody></table>`, "tall")}
    ${over.length > 0 && scrolling("Finished trades", html`<table class="trades"><caption class="only-read">Trades that are over, the newest first</caption>
      <thead><tr><th scope="col">State</th><th scope="col">Trade</th><th scope="col" class="n">Took</th><th scope="col" class="n">Bought</th>
        <th scope="col" class="n">Sold</th><th scope="col" class="n">SELL at</th><th scope="col" class="n">Profit</th></tr></thead>
      <tbody>${over.map((row) => html`<${Over} key=${row.id} row=${row} />`)}</tbody></table>`, "tall")}
    ${known?.curve.length > 0 && html`<div class="curves">${Object.entries(curvesOf(known.curve)).map(([quote, points]) => html`<${Curve} key=${quote} quote=${quote} points=${points} />`)}</div>`}
  <//>`;
}

/** An amount that is good or bad news, in its quote asset; what is not known is neither. */
const Money = ({ value, quote }) => html`<span class=${kindOf(value)}>${amount(value)}</span>${value !== null && html` <small>${quote}</small>`}`;

function Totals({ known }) {
  const sums = { Realised: sumsOf(known.sums, "profit"), Unrealised: sumsOf(known.open, "unrealised") };
  const unknown = { Realised: known.sums.reduce((all, row) => all + row.unknown, 0), Unrealised: known.open.filter((row) => row.unrealised === null).length };
  return html`<dl class="totals">${Object.entries(sums).map(([name, byQuote]) => html`<div key=${name} data-total=${name.toLowerCase()}>
    <dt>${name}${name === "Realised" ? ", 30 days" : " now"}</dt>
    <dd>${Object.entries(byQuote).map(([quote, { total }]) => html`<span class="block"><${Money} value=${total} quote=${quote} /></span>`)}
      ${!Object.keys(byQuote).length && "none"}${unknown[name] > 0 && html`<small class="block">of ${plural(unknown[name], "trade")} not known</small>`}</dd></div>`)}</dl>`;
}

const State = ({ row }) => {
  const [shape, kind] = LOOK[row.state] ?? ["info", "idle"];
  return html`<td class="why" title=${row.why ?? undefined}><span class=${`badge ${kind}`}>${icon(shape)}${words(row.state)}</span>${row.why && html` <small>${row.why}</small>`}</td>`;
};
const Name = ({ row }) => html`<th scope="row" title=${`trade ${row.id}, bought ${new Date(row.bought_at).toISOString()}`}>${row.symbol} <small>${row.account}</small></th>`;
const Bought = ({ row }) => html`<td class="n">${amount(row.quantity)} <small>at</small> ${amount(row.price)}</td>`;

const Open = steady(({ row, age }) => html`<tr data-lot=${row.id}><${State} row=${row} /><${Name} row=${row} /><td class="n">${age}</td><${Bought} row=${row} />
  <td class="n">${amount(row.left_cost)}</td><td class="n">${amount(row.sell_price)}</td><td class="n"><${Money} value=${row.unrealised} quote=${row.quote} /></td></tr>`);

const Over = steady(({ row }) => html`<tr data-lot=${row.id}><${State} row=${row} /><${Name} row=${row} /><td class="n">${span(row.age_s)}</td><${Bought} row=${row} />
  <td class="n">${amount(row.sold)}</td><td class="n">${amount(row.sell_price)}</td><td class="n"><${Money} value=${row.profit} quote=${row.quote} /></td></tr>`);

function Curve({ quote, points }) {
  const { line, zero } = lineOf(points);
  const last = points.at(-1);
  const said = `Realised net profit: ${last.total} ${quote} with ${plural(points.length, "trade")}`;
  return html`<figure class="equity">
    <figcaption><span>Realised net profit, ${quote}</span><b class=${kindOf(last.total)}>${last.total}</b></figcaption>
    <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${said}>
      <line class="zero" x1="0" x2=${WIDTH} y1=${zero} y2=${zero} /><polyline class="line" points=${line} /></svg>
    <p class="lane-foot"><span>${time(points[0].at)}</span><span>${plural(points.length, "trade")}${last.unknown > 0 && `, profit of ${last.unknown} not known`}</span><span>${time(last.at)}</span></p>
  </figure>`;
}
