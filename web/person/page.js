// Puts another page, span or system of the journey in place of the one shown, without loading the file again.
// Without it every link still works: it then leads to the whole page.
(() => {
  const part = document.getElementById("journey-part");
  const status = document.getElementById("journey-said");
  if (!part) return;
  part.addEventListener("click", async event => {
    const link = event.target.closest("a[data-part]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const address = new URL(link.href);
    const asked = new URL(address);
    asked.pathname += "/journey";
    asked.hash = "";
    part.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(asked, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      part.innerHTML = await answer.text();
      history.replaceState(null, "", address);
      status.textContent = [...part.querySelectorAll("h3, .pager span")].slice(0, 2).map(e => e.textContent).join(", ");
      const again = part.querySelector(`[data-key="${CSS.escape(link.dataset.key)}"]`);
      (again || part.querySelector("a[data-part]")).focus({ preventScroll: true });
    } catch {
      location.assign(address);
    } finally {
      part.removeAttribute("aria-busy");
    }
  });
})();

// Fetches how the ties add up when somebody opens it: the matcher works it out anew. Without it a link leads there.
document.querySelectorAll("details[data-src]").forEach(details => {
  details.addEventListener("toggle", async () => {
    if (!details.open || !details.dataset.src) return;
    const place = details.querySelector(".load");
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(details.dataset.src);
      if (!answer.ok) throw new Error(String(answer.status));
      place.innerHTML = await answer.text();
      delete details.dataset.src;
    } finally {
      place.removeAttribute("aria-busy");
    }
  });
});
