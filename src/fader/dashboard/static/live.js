// The page follows the server: regions are morphed in, chart rows handed on. A lost connection shows, and heals.
import { morphChildren } from "./morph.js";
import { localise, setNow, clockOf, now } from "./times.js";

const SILENCE = 25_000; // ms: the server says something every 10 s
let source = null, watchdog = 0, retry = 0, waits = 1000, heard = now(), healing = false;

const lost = document.getElementById("lost");
const state = (name, text) => {
  document.getElementById("link").dataset.state = name;
  document.getElementById("link-text").textContent = text;
};

export const alive = () => source?.readyState === EventSource.OPEN;

function show(page) {
  setNow(page.at);
  if (page.title) document.title = page.title;
  for (const [id, html] of Object.entries(page.regions)) {
    const region = document.getElementById(id);
    if (!region) { location.reload(); return; } // the page has other parts now
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    localise(fresh.content);
    morphChildren(region, fresh.content);
  }
  if (page.chart) document.dispatchEvent(new CustomEvent("fader:chart", { detail: { ...page.chart, whole: page.whole } }));
}

function hear() {
  heard = now();
  waits = 1000;
  if (!lost.hidden) lost.hidden = true;
  state("live", "Live");
  clearTimeout(watchdog);
  watchdog = setTimeout(() => fail(), SILENCE);
}

function close() {
  clearTimeout(watchdog);
  clearTimeout(retry);
  source?.close();
  source = null;
}

async function fail() {
  close();
  if (document.hidden || healing) return;
  healing = true;
  state("lost", "Not live");
  lost.textContent = `The connection is lost. This is how things stood at ${clockOf(heard)}. Trying again.`;
  lost.hidden = false;
  const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (answer && (answer.status === 401 || answer.type === "opaqueredirect")) {
    lost.textContent = "You are signed out. Open the link that fader up printed to sign in again.";
  } else if (answer?.status === 404) {
    lost.textContent = "This rollout is gone.";
  }
  healing = false;
  retry = setTimeout(open, waits);
  waits = Math.min(waits * 2, 10_000);
}

let url = "";
function open() {
  close();
  if (document.hidden) return;
  source = new EventSource(url);
  source.addEventListener("page", (event) => { show(JSON.parse(event.data)); hear(); });
  source.addEventListener("beat", hear);
  source.addEventListener("error", () => fail());
}

// Charts ask for a fresh start when they hold too much: the server thins what it sends.
export const restart = () => open();

export function keepLive(address) {
  url = address;
  open();
  // A browser holds six connections to a server. A page that nobody sees lets go of its own, or the seventh tab
  // could not pull the plug.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  document.addEventListener("fader:restart", restart);
  addEventListener("pagehide", close);
}
