"use strict";

// Everything works without this script. With it, questions are suggested while one is typed (the ARIA
// combobox pattern), and what a reader thinks of an article is sent without leaving the page.

const TYPING = 150;
const input = document.getElementById("q");
const list = document.getElementById("suggestions");
let timer;
let asking;

if (input) {
  const roles = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" };
  for (const [name, value] of Object.entries(roles)) input.setAttribute(name, value);
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, TYPING);
  });
  input.addEventListener("keydown", move);
  input.addEventListener("blur", () => show([]));
  // Before the question loses the focus, which would close the list.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => choose(event.target.closest("li")));
}

async function suggest() {
  asking?.abort();
  asking = new AbortController();
  const text = input.value.trim();
  const url = `${input.form.dataset.suggest}?${new URLSearchParams({ q: text })}`;
  try {
    const answer = text ? await fetch(url, { signal: asking.signal }) : null;
    const found = answer?.ok ? (await answer.json()).suggestions : [];
    show(document.activeElement === input ? found : []);
  } catch {
    // Whoever types goes on without.
  }
}

function show(texts) {
  const option = (text, index) => {
    const item = document.createElement("li");
    item.id = `suggestion-${index}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.textContent = text;
    return item;
  };
  list.replaceChildren(...texts.map(option));
  list.hidden = texts.length === 0;
  input.setAttribute("aria-expanded", String(!list.hidden));
  input.removeAttribute("aria-activedescendant");
}

function move(event) {
  const items = [...list.children];
  const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    show([]);
  } else if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    choose(items[at]);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && items.length > 0) {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    // Beyond either end is the question itself.
    const next = (at + 1 + step + items.length + 1) % (items.length + 1) - 1;
    items.forEach((item, index) => item.setAttribute("aria-selected", String(index === next)));
    if (next < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", items[next].id);
    items[next]?.scrollIntoView({ block: "nearest" });
  }
}

function choose(item) {
  if (!item) return;
  input.value = item.textContent;
  show([]);
  input.form.requestSubmit();
}

document.addEventListener("submit", async (event) => {
  const feedback = event.target.closest("#feedback");
  if (!feedback) return;
  event.preventDefault();
  const form = new FormData(event.target);
  if (event.submitter?.name) form.append(event.submitter.name, event.submitter.value);
  const told = await send(event.target.action, new URLSearchParams(form));
  if (told) {
    feedback.replaceWith(told);
    document.getElementById("feedback-title").focus();
    return;
  }
  feedback.querySelector("[role=alert]")?.remove();
  const alert = document.createElement("p");
  alert.setAttribute("role", "alert");
  alert.textContent = feedback.dataset.notSent;
  feedback.append(alert);
});

async function send(action, body) {
  try {
    const answer = await fetch(action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return answer.ok ? document.adoptNode(page.getElementById("feedback")) : null;
  } catch {
    return null;
  }
}
