"use strict";
// Shows tasks in a list. Knows no store: what a person does goes to `actions`.
globalThis.TaskBoard = globalThis.TaskBoard || {};

TaskBoard.summary = function summary(count) {
  if (count === 0) return "No open tasks";
  return count === 1 ? "1 open task" : `${count} open tasks`;
};

TaskBoard.renderTasks = function renderTasks(list, tasks, actions) {
  const held = heldFocus();
  list.replaceChildren(...(tasks.length ? tasks.map(item) : [nothing()]));
  if (held) giveFocus(held);

  function item(task) {
    const entry = document.createElement("li");
    entry.dataset.id = task.id;
    entry.classList.toggle("done", task.done);

    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = task.done;
    box.addEventListener("change", () => actions.toggle(task.id));
    const title = document.createElement("span");
    title.textContent = task.title;
    label.append(box, " ", title);

    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${task.title}`);
    button.addEventListener("click", () => actions.remove(task.id));

    entry.append(label, " ", button);
    return entry;
  }

  function nothing() {
    const entry = document.createElement("li");
    entry.className = "empty";
    entry.textContent = "Nothing here.";
    return entry;
  }

  function heldFocus() {
    const active = list.ownerDocument.activeElement;
    const entry = active && list.contains(active) ? active.closest("li[data-id]") : null;
    if (!entry) return null;
    const place = [...list.children].indexOf(entry);
    return { id: entry.dataset.id, place, control: active.localName };
  }

  function giveFocus({ id, place, control }) {
    const entries = [...list.querySelectorAll("li[data-id]")];
    const same = entries.find((entry) => entry.dataset.id === id);
    const entry = same || entries[Math.min(place, entries.length - 1)];
    if (entry) entry.querySelector(control).focus();
  }
};
