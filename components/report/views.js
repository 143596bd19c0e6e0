// Which view an address names, and what to do when one fails.
import { Failure } from "./calls.js";
import { button, empty, h, heading, show } from "./dom.js";

/**
 * Show the view of the address's fragment, now and whenever it changes.
 *
 * `routes` are [pattern, view]; a view is given { root, signal, ready } and the pattern's groups: it draws into
 * `root`, stops at `signal`, and may call `ready` before it ends. `here(path)` is the fragment of the link in
 * the navigation that a path belongs to; `title` and `command` are of the page, and of what prints its address.
 */
export function start(routes, { title, command, here }) {
  const root = document.getElementById("view");
  let leave = new AbortController();
  let shown = "";

  async function go(focus = true) {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    shown = location.hash;
    const path = shown.replace(/^#\/?/, "").split("?")[0];
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    for (const item of document.querySelectorAll(".places a")) {
      item.hash === here(path) ? item.setAttribute("aria-current", "page") : item.removeAttribute("aria-current");
    }
    root.setAttribute("aria-busy", "true");
    try {
      const found = routes.map(([pattern, view]) => [pattern.exec(path), view]).find(([match]) => match);
      if (!found) throw new Failure("NotFound", "There is no such page.");
      await found[1]({ root, signal, ready: () => root.removeAttribute("aria-busy") }, ...found[0].slice(1).map(decodeURIComponent));
    } catch (error) {
      if (signal.aborted) return;
      if (error.code === "SessionEnded") show(root, heading(title), empty("This session has ended", `Print a new address with \`${command}\` and open it here.`));
      else show(root, heading("Something is not right"), h("div", { class: "note bad", role: "alert" }, error.message), h("div", { class: "actions" }, button("Try again", () => go())));
    }
    if (signal.aborted) return;
    root.removeAttribute("aria-busy");
    window.scrollTo(0, 0);
    if (focus) root.focus({ preventScroll: true });
  }

  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); root.focus(); });
  document.getElementById("dialog").addEventListener("click", (event) => event.target === event.currentTarget && event.currentTarget.close());
  window.addEventListener("hashchange", () => go());
  // Back and forward between states of one view: its fragment stays.
  window.addEventListener("popstate", () => location.hash === shown && go(false));
  if (!location.hash) history.replaceState(history.state, "", "#/");
  go(false);
}
