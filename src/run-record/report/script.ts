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
    let told;
    const place = () => {
      const at = told.getBoundingClientRect();
      const frame = scroll.getBoundingClientRect();
      const left = Math.max(at.left, frame.left);
      const below = at.bottom + 8 + tip.offsetHeight < innerHeight;
      tip.style.left = Math.max(8, Math.min(left, innerWidth - tip.offsetWidth - 12)) + "px";
      tip.style.top = (below ? at.bottom + 8 : at.top - tip.offsetHeight - 8) + "px";
    };
    const hide = () => { tip.hidden = true; };
    const show = (event) => {
      told = event.target.closest("[data-tip], [title]");
      if (!told) return hide();
      if (told.title) {
        told.dataset.tip = told.title;
        told.removeAttribute("title");
      }
      tip.textContent = told.dataset.tip;
      tip.hidden = false;
      place();
    };
    scroll.addEventListener("mouseover", show);
    scroll.addEventListener("focusin", show);
    scroll.addEventListener("mouseleave", hide);
    scroll.addEventListener("focusout", hide);
    // Whoever moves on by the keyboard makes it scroll: what is told stays beside its place.
    for (const moved of [scroll, window]) moved.addEventListener("scroll", () => { if (!tip.hidden) place(); });
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
