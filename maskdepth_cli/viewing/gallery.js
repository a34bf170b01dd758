"use strict";
const main = document.getElementById("cards");
const cards = [...main.children];
const control = (id) => document.getElementById(id);

// Pictures are decoded when they come near the window.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    watcher.unobserve(entry.target);
    for (const image of entry.target.querySelectorAll("img")) image.src = image.dataset.src;
  }
}, { rootMargin: "800px" });

for (const card of cards) {
  watcher.observe(card);
  const first = card.querySelector("img");
  if (first) {
    card.style.setProperty("--aspect", first.getAttribute("width") / first.getAttribute("height"));
  }
  const slider = card.querySelector("input");
  if (!slider) continue;
  const stage = slider.parentElement;
  slider.addEventListener("input", () => stage.style.setProperty("--cut", slider.value + "%"));
}

for (const status of [...new Set(cards.map((card) => card.dataset.status))].sort()) {
  control("status").add(new Option(status, status));
}

const collator = new Intl.Collator("en", { numeric: true });

function sort() {
  const key = control("sort").value;
  const number = (card) => (key in card.dataset ? Number(card.dataset[key]) : -1);
  const byName = (a, b) => collator.compare(a.dataset.name, b.dataset.name);
  const compare = key === "name" ? byName : (a, b) => number(b) - number(a) || byName(a, b);
  main.append(...[...cards].sort(compare));
}

function filter() {
  const status = control("status").value;
  const part = control("search").value.toLowerCase();
  let count = 0;
  for (const card of cards) {
    const wanted = !status || card.dataset.status === status;
    card.hidden = !(wanted && card.dataset.name.toLowerCase().includes(part));
    count += !card.hidden;
  }
  control("count").value = count + " of " + cards.length;
}

// A tab for the depth and one for each product that there is; views without pictures are left out.
const products = ["bokeh", "stereo", "parallax"].filter((kind) => {
  const found = document.querySelector(`img[data-kind="${kind}"]`);
  if (!found) control("view").querySelector(`option[value="${kind}"]`).remove();
  return found;
});
for (const kind of products.length ? ["compare", ...products] : []) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.role = "tab";
  tab.dataset.view = kind;
  tab.textContent = kind === "compare" ? "depth" : kind;
  tab.addEventListener("click", () => {
    control("view").value = kind;
    show();
  });
  control("tabs").append(tab);
}

function show() {
  const view = control("view").value;
  document.body.dataset.view = view;
  for (const tab of control("tabs").children) {
    tab.ariaSelected = String(tab.dataset.view === view);
  }
}

control("view").addEventListener("change", show);
show();
control("mask").addEventListener("change", () => {
  document.body.classList.toggle("masked", control("mask").checked);
});
control("sort").addEventListener("change", sort);
control("status").addEventListener("change", filter);
control("search").addEventListener("input", filter);
sort();
filter();
