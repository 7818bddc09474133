"use strict";
// The tasks themselves: no DOM, no storage. Others are told after each change.
globalThis.TaskBoard = globalThis.TaskBoard || {};

TaskBoard.createStore = function createStore(saved = "") {
  const { tasks, highest } = read(saved);
  const listeners = new Set();
  let lastId = highest;

  function changed() {
    for (const listener of [...listeners]) listener();
  }

  function change(id, act) {
    const place = tasks.findIndex((task) => task.id === id);
    if (place < 0) return false;
    act(place);
    changed();
    return true;
  }

  return {
    add(title) {
      const trimmed = String(title).trim();
      if (!trimmed) return null;
      lastId += 1;
      const task = { id: lastId, title: trimmed, done: false };
      tasks.push(task);
      changed();
      return { ...task };
    },
    toggle(id) {
      return change(id, (place) => {
        tasks[place].done = !tasks[place].done;
      });
    },
    remove(id) {
      return change(id, (place) => tasks.splice(place, 1));
    },
    list(filter = "all") {
      if (!["all", "open", "done"].includes(filter)) throw new RangeError(`no filter ${filter}`);
      return tasks
        .filter((task) => filter === "all" || task.done === (filter === "done"))
        .map((task) => ({ ...task }));
    },
    openCount() {
      return tasks.filter((task) => !task.done).length;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dump() {
      return JSON.stringify({ lastId, tasks });
    },
  };

  function read(text) {
    const nothing = { tasks: [], highest: 0 };
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      return nothing;
    }
    if (!found || !Array.isArray(found.tasks) || !found.tasks.every(isTask)) return nothing;
    const tasks = found.tasks.map(({ id, title, done }) => ({ id, title, done: done === true }));
    // Ids are never used twice, also after a reload: the last one is kept apart from the tasks.
    const ids = [Number.isInteger(found.lastId) ? found.lastId : 0, ...tasks.map(({ id }) => id)];
    return { tasks, highest: Math.max(...ids) };
  }

  function isTask(task) {
    return Boolean(task) && Number.isInteger(task.id) && typeof task.title === "string";
  }
};
