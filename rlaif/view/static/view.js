// The script of `rlaif view`: keys, parts that are loaded later, and tidy URLs. Everything else works without it.
"use strict";

function typing(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), select, textarea");
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const row = rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(document.activeElement) + by))];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || typing(event.target)) return;
  const control = [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === event.key);
  if (control) {
    event.preventDefault();
    control instanceof HTMLInputElement ? control.focus() : control.click();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  }
});

// A second click, or the key pressed twice, must not send a form again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "post") {
    if (document.body.dataset.sent) event.preventDefault();
    document.body.dataset.sent = "yes";
  } else if (form.hasAttribute("data-tidy")) {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  }
});

window.addEventListener("pageshow", () => {
  delete document.body.dataset.sent;
  for (const field of document.querySelectorAll("[data-tidy] :disabled")) field.disabled = false;
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-tidy] .line select")) event.target.form.requestSubmit();
});

async function read(address) {
  const reply = await fetch(address, { headers: { accept: "text/html" } });
  return new DOMParser().parseFromString(await reply.text(), "text/html");
}

for (const place of document.querySelectorAll("[data-load]")) {
  place.setAttribute("aria-busy", "true");
  read(place.dataset.load).then((page) => {
    place.replaceChildren(...(page.querySelector("main") ?? page.body).childNodes);
    place.removeAttribute("aria-busy");
  });
}

for (const place of document.querySelectorAll("[data-refresh]")) {
  setInterval(async () => {
    if (document.hidden) return;
    const fresh = (await read(location.href)).querySelector("[data-refresh]");
    if (fresh) place.replaceChildren(...fresh.childNodes);
  }, 1000 * Number(place.dataset.refresh));
}

const waiting = document.querySelector("[data-reload]");
if (waiting) setTimeout(() => location.reload(), 1000 * Number(waiting.dataset.reload));
