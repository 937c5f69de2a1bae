// The token comes in the fragment, which no server and no log sees; it leaves the address before anything else.
export async function login() {
  const form = document.getElementById("login");
  const field = document.getElementById("token");
  const refusal = document.getElementById("login-refusal");

  async function sign(token) {
    refusal.hidden = true;
    const answer = await fetch("/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => null);
    if (answer?.ok) { goOn(); return; }
    refusal.textContent = answer ? form.dataset.wrong : "The server does not answer. Is fader up running?";
    refusal.hidden = false;
    field.focus();
    field.select();
  }

  // To the page that was asked for, at the step that its link named; it may be this one, shown without a session.
  function goOn() {
    const next = form.dataset.next + location.hash;
    if (next === location.pathname + location.search + location.hash) location.reload();
    else location.replace(next);
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); sign(field.value.trim()); });

  async function take() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!token) return;
    history.replaceState(null, "", location.pathname);
    await sign(token);
  }

  addEventListener("hashchange", take); // the link pasted into a tab that shows this page already
  await take();
}
