// Which theme is shown: the system's, unless somebody chose one here. A classic script in the
// head, so that it is settled before anything is painted.
"use strict";

(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try {
      return localStorage.getItem("vigil.theme");
    } catch {
      return null; // storage may be forbidden; the switch then holds for this page only
    }
  };

  const theme = {
    /** "light" or "dark", as it is shown now. */
    get shown() {
      return root.dataset.theme || (system.matches ? "dark" : "light");
    },
    /** Show the other one, and remember it; the system's own needs no memory. */
    toggle() {
      const wanted = theme.shown === "dark" ? "light" : "dark";
      const isSystems = wanted === (system.matches ? "dark" : "light");
      if (isSystems) delete root.dataset.theme;
      else root.dataset.theme = wanted;
      try {
        if (isSystems) localStorage.removeItem("vigil.theme");
        else localStorage.setItem("vigil.theme", wanted);
      } catch {
        // as above
      }
      tell();
    },
  };
  const tell = () => window.dispatchEvent(new Event("themechange"));

  const chosen = remembered();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  system.addEventListener("change", tell);
  window.vigilTheme = theme;
})();
