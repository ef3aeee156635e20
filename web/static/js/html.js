// The one place where the vendored libraries meet: markup, signals, and rows that are drawn
// again only when what they show is another object.
import { Component, h, render } from "../vendor/preact.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { batch, computed, effect, signal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);

/** `draw(props)` as a component that is called again only if a prop is another value. */
export function steady(draw) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const names = Object.keys(next);
      return names.length !== Object.keys(this.props).length || names.some((n) => next[n] !== this.props[n]);
    }
    render() {
      return draw(this.props);
    }
  };
}

export { batch, computed, effect, render, signal, useEffect, useRef, useState };
