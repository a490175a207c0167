// Filters the list of tables, and opens the table that a link points to. Without it the page is whole.
(() => {
  const search = document.getElementById("search");
  const failing = document.getElementById("failing");
  const tables = [...document.querySelectorAll("details.table")];
  const none = document.getElementById("none");
  document.querySelector(".tools").hidden = false;
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const table of tables) {
      const fits = words.every(word => table.dataset.text.includes(word));
      table.hidden = !fits || (failing.checked && ["passed", "unchecked"].includes(table.dataset.state));
      shown += table.hidden ? 0 : 1;
    }
    for (const zone of document.querySelectorAll("[data-zone]")) {
      zone.hidden = !tables.some(table => !table.hidden && zone.contains(table));
    }
    none.hidden = shown > 0;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  search.addEventListener("input", filter);
  failing.addEventListener("change", filter);
  window.addEventListener("hashchange", follow);
  follow();
})();
