/** The report's only code: zoom and tips of the timeline, and hiding changes. Without it all is there to read. */
export const SCRIPT = `"use strict";
(() => {
  const scroll = document.querySelector(".scroll");
  const plot = document.querySelector(".plot");
  const tip = document.getElementById("tip");
  for (const hidden of document.querySelectorAll(".zoom, .switch")) hidden.hidden = false;
  let zoom = 1;
  const setZoom = (wanted, centre) => {
    const next = Math.min(200, Math.max(1, wanted));
    const names = plot.querySelector(".who").offsetWidth;
    const before = (scroll.scrollLeft + centre - names) / zoom;
    zoom = next;
    plot.style.setProperty("--zoom", zoom);
    plot.classList.toggle("zoomed", zoom > 2);
    scroll.scrollLeft = before * zoom - centre + names;
  };
  const middle = () => scroll.clientWidth / 2;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => setZoom(button.dataset.zoom === "0" ? 1 : zoom * Number(button.dataset.zoom), middle()));
  }
  if (scroll) {
    scroll.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") setZoom(zoom * 2, middle());
      else if (event.key === "-") setZoom(zoom / 2, middle());
      else if (event.key === "0") setZoom(1, middle());
      else if (event.key === "Escape") tip.hidden = true;
      else return;
      event.preventDefault();
    });
    scroll.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      setZoom(zoom * Math.exp(-event.deltaY / 300), event.clientX - scroll.getBoundingClientRect().left);
    }, { passive: false });
    const show = (event) => {
      const target = event.target.closest("[data-tip], [title]");
      if (!target || !scroll.contains(target)) return void (tip.hidden = true);
      if (target.title) {
        target.dataset.tip = target.title;
        target.removeAttribute("title");
      }
      tip.textContent = target.dataset.tip;
      tip.hidden = false;
      const at = target.getBoundingClientRect();
      const left = Math.max(8, Math.min(event.clientX || at.left, innerWidth - tip.offsetWidth - 12));
      const below = at.bottom + 8 + tip.offsetHeight < innerHeight;
      tip.style.left = left + "px";
      tip.style.top = (below ? at.bottom + 8 : at.top - tip.offsetHeight - 8) + "px";
    };
    scroll.addEventListener("mouseover", show);
    scroll.addEventListener("focusin", show);
    for (const over of ["mouseleave", "focusout", "scroll"]) scroll.addEventListener(over, () => { tip.hidden = true; });
  }
  document.getElementById("plain")?.addEventListener("change", (event) => {
    document.body.classList.toggle("plain", event.target.checked);
  });
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) {
      each.open = true;
      closed.push(each);
    }
  });
  addEventListener("afterprint", () => {
    for (const each of closed.splice(0)) each.open = false;
  });
})();
`;
