"use strict";
// Joins store, view and page, and keeps the tasks in the browser's storage.
(function start() {
  const KEY = "task-board";
  const form = document.getElementById("new-task");
  const field = document.getElementById("title");
  const filter = document.getElementById("filter");
  const list = document.getElementById("tasks");
  const summary = document.getElementById("summary");
  const store = TaskBoard.createStore(load());

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (store.add(field.value)) field.value = "";
    field.focus();
  });
  filter.addEventListener("change", show);
  store.subscribe(() => {
    save();
    show();
  });
  show();

  function show() {
    const held = list.contains(document.activeElement);
    const chosen = filter.querySelector("input:checked").value;
    TaskBoard.renderTasks(list, store.list(chosen), { toggle: store.toggle, remove: store.remove });
    summary.textContent = TaskBoard.summary(store.openCount());
    if (held && !list.contains(document.activeElement)) field.focus();
  }

  // Storage may be switched off; the page then works until it is closed.
  function load() {
    try {
      return localStorage.getItem(KEY) || "";
    } catch {
      return "";
    }
  }

  function save() {
    try {
      localStorage.setItem(KEY, store.dump());
    } catch {
      // Nothing can be kept: see load().
    }
  }
})();
