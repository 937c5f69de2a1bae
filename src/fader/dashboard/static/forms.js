// Commands answer in place: what is refused says so beside its button. Without this script the forms still work.
import { alive } from "./live.js";

async function send(form) {
  const refusal = form.querySelector(".refusal");
  const button = form.querySelector("button[type=submit]");
  refusal.hidden = true;
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (answer.status === 401) { location.href = "/login"; return; }
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(problem.detail || `The server answered ${answer.status}.`);
    }
    form.reset();
    const panel = form.closest("details");
    if (panel) panel.open = false;
    if (!alive()) location.reload();
  } catch (error) {
    refusal.textContent = error instanceof TypeError ? "The server does not answer. Nothing was done." : error.message;
    refusal.hidden = false;
  } finally {
    button.disabled = false;
  }
}

export function keepForms() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-command]")) return;
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.ask") && event.target.open) {
      event.target.querySelector("input[name=reason]")?.focus();
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.ask[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.ask[open]")) if (!open.contains(event.target)) open.open = false;
  });
}
