// Times in the reader's zone, the exact one on hover. The server's clock counts, not the reader's.
let ahead = 0; // how many seconds the server's clock is ahead of this one

const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export const now = () => Date.now() / 1000 + ahead;
export const setNow = (at) => { ahead = at - Date.now() / 1000; };
export const clockOf = (at) => clock.format(new Date(at * 1000));

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function text(at, style) {
  const date = new Date(at * 1000);
  const away = Math.abs(now() - at);
  const far = away > 18 * 3600 ? `${(away > 180 * 86400 ? dated : day).format(date)}, ` : "";
  if (style === "ago") return now() - at < 3600 ? `${span(now() - at)} ago` : far + clock.format(date);
  if (style === "until") return at > now() ? `${clock.format(date)} (in ${span(at - now())})` : clock.format(date);
  return far + clock.format(date);
}

// On a fragment that is not shown yet as well as on the page: what is morphed in carries the reader's times already.
export function localise(root) {
  for (const time of root.querySelectorAll("time[data-style]")) {
    const at = Date.parse(time.dateTime) / 1000;
    const shown = text(at, time.dataset.style);
    if (time.textContent !== shown) time.textContent = shown;
    const title = exact.format(new Date(at * 1000));
    if (time.title !== title) time.title = title;
  }
}

export function keepTime(at) {
  setNow(at);
  localise(document);
  setInterval(() => localise(document), 1000);
}
