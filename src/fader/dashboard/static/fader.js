// What every page does: times in the reader's zone, live regions, buttons that answer in place.
import { keepTime } from "./times.js";
import { keepLive } from "./live.js";
import { keepForms } from "./forms.js";

const main = document.getElementById("main");

keepTime(Number(main.dataset.now) || Date.now() / 1000);
keepForms();
if (document.getElementById("chart")) {
  const { keepCharts } = await import("./charts.js");
  keepCharts(JSON.parse(document.getElementById("chart").textContent));
}
if (main.dataset.live) keepLive(main.dataset.live);
if (document.getElementById("login")) (await import("./login.js")).login();

// Where an address names a rollout or a flag, its lines are in sight.
const text = document.querySelector("textarea[data-line]");
const line = Number(text?.dataset.line || 0);
if (line) {
  const at = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.setSelectionRange(at, at);
  text.scrollTop = (line - 3) * parseFloat(getComputedStyle(text).lineHeight);
}
