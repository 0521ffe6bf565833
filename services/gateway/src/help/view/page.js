"use strict";

// Everything works without this script. With it, questions are suggested while one is typed, and what a
// reader thinks of an article is sent without leaving the page.

const TYPING = 150;
const input = document.getElementById("q");
const suggestions = document.getElementById("suggestions");
let timer;
let asking;

input?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, TYPING);
});

async function suggest() {
  asking?.abort();
  asking = new AbortController();
  const text = input.value.trim();
  const url = `${input.form.dataset.suggest}?${new URLSearchParams({ q: text })}`;
  try {
    const answer = text ? await fetch(url, { signal: asking.signal }) : null;
    const found = answer?.ok ? (await answer.json()).suggestions : [];
    suggestions.replaceChildren(...found.map((text) => new Option("", text)));
  } catch {
    // Whoever types goes on without.
  }
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
