"use strict";
document.documentElement.classList.add("js");

// What is chosen above is shown; what carries no such mark always is.
const chosen = {};
function show() {
  for (const part of document.querySelectorAll(".choice")) {
    part.hidden = Object.entries(chosen).some(([key, value]) => key in part.dataset && part.dataset[key] !== value);
  }
}
for (const select of document.querySelectorAll("nav select")) {
  chosen[select.dataset.choose] = select.value;
  select.addEventListener("change", () => {
    chosen[select.dataset.choose] = select.value;
    show();
  });
}
show();

// The wipe: the left picture lies on the right one and is cut off at the slider.
for (const wipe of document.querySelectorAll(".wipe")) {
  const stage = wipe.querySelector(".stage");
  const slider = wipe.querySelector("input");
  const stills = wipe.querySelectorAll(".still");
  const place = () => stage.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", place);
  for (const select of wipe.querySelectorAll("select")) {
    const choose = () => {
      const mark = `on-${select.dataset.side}`;
      stills.forEach((still, number) => still.classList.toggle(mark, number === Number(select.value)));
      select.parentElement.querySelector(".rate").textContent = stills[select.value].dataset.rate;
    };
    select.addEventListener("change", choose);
    choose();
  }
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    slider.value = (100 * (event.clientX - box.left)) / box.width;
    place();
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  place();
}
