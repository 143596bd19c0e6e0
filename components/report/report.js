"use strict";
// The page is whole without this: it adds sorting, filtering, larger pictures and the place in the contents.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const key = (row, column) => {
  const cell = row.cells[column];
  const raw = "sort" in cell.dataset ? cell.dataset.sort : cell.textContent.trim();
  return raw !== "" && !isNaN(raw) ? Number(raw) : raw;
};
const compare = (a, b) => {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  return typeof a === "number" ? -1 : 1;
};

for (const table of all("table.sortable")) {
  const heads = all("thead th", table), body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort((a, b) => (up ? 1 : -1) * compare(a[0], b[0]));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
  if (body.rows.length > 12) {
    const title = table.closest(".card").querySelector("h3"), line = document.createElement("div");
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Filter rows";
    input.setAttribute("aria-label", "Filter rows: " + title.textContent);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      for (const row of body.rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
    line.className = "top-line";
    title.replaceWith(line);
    line.append(title, input);
  }
}

// In a srcdoc frame a fragment link would leave the page: move there by hand.
const links = all('a[href^="#"]');
for (const link of links) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const target = document.getElementById(link.hash.slice(1));
    target.scrollIntoView();
    target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
  });
}
if ("IntersectionObserver" in window) {
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of all("nav a")) {
        const here = link.hash === "#" + entry.target.id;
        link.classList.toggle("here", here);
        here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  all("main section").forEach((section) => observer.observe(section));
}

const dialog = document.querySelector("dialog");
if (dialog.showModal) {
  for (const image of all(".frame img")) {
    image.tabIndex = 0;
    image.setAttribute("role", "button");
    image.setAttribute("aria-label", "Enlarge: " + image.alt);
    const open = () => {
      const large = dialog.querySelector("img"), about = image.closest("li").querySelector(".about");
      large.src = image.src;
      large.alt = image.alt;
      dialog.querySelector("p").textContent = [...about.children].map((part) => part.textContent.trim()).join(" · ");
      dialog.showModal();
    };
    image.addEventListener("click", open);
    image.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
    });
  }
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
