"use strict";
// A click shows a figure as large as the window. Without this script the link opens its SVG file.
const large = document.getElementById("large");
for (const link of document.querySelectorAll("figure a")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const picture = link.querySelector("img").cloneNode();
    picture.removeAttribute("style");
    large.querySelector("div").replaceChildren(picture);
    large.showModal();
  });
}
large.addEventListener("click", () => large.close());
